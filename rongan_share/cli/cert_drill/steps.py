"""The steps of a rehearsal: each changes certificates while the hub is asked, and checks them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography import x509

from partner_sdk.calls import Connections
from partner_sdk.client import Client
from partner_sdk.credentials import CERTIFICATE_FILE, KEY_FILE, ROOTS_FILE, Credentials
from partner_sdk.directory import CredentialsDirectory, write_new
from partner_sdk.enrolment import enroll, make_key_and_request
from partner_sdk.errors import HubRefusalError, SdkError
from partner_sdk.handshake import Address, shown_chain, verify_hub
from partner_sdk.renewal import due_time, get_bundle, refresh_roots, renew
from partner_sdk.renewer import RenewalTiming, Renewer
from rongan_share.cli.cert_drill.desk import PARTNER
from rongan_share.cli.cert_drill.load import ONCE, REVOKED_SECONDS, RevocationProbe
from rongan_share.cli.messages import say
from rongan_share.clock import SystemClock, monotonic_ns
from rongan_share.wire.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rongan_share.cli.cert_drill.desk import Desk

CHANNELS = 2
"""Connections of the client that is asked with all the while."""

_HANDSHAKES = 8
"""Handshakes in a row that must show a new certificate: every worker is met by some of them."""

_TAKEN_UP_SECONDS = 10.0
"""Within this every worker has taken up changed files."""

_PAUSE = 0.05


class StepFailedError(Exception):
    """Something did not come out as it must."""


@dataclass(slots=True)
class Drill:
    """A rehearsal that goes on.

    Attributes:
        desk: Acts in the operators' names.
        folder: A folder of the rehearsal's own, for the partner's files.
        enrolment: Where the hub enrols, or empty.
        root_key: Key of the root, or None: the root stays.
        new_root: An empty place for the root that follows.
        agreed: Whether the partner may ask questions.
    """

    desk: Desk
    folder: Path
    enrolment: str
    root_key: Path | None
    new_root: Path
    agreed: bool = False
    _clients: tuple[Client, Connections, Renewer] | None = field(default=None, repr=False)

    @property
    def target(self) -> str:
        """Address of the hub."""
        return self.desk.options.hub

    @property
    def directory(self) -> Path:
        """Credentials of the client that is asked with all the while."""
        return self.folder / "partner"

    def client(self) -> tuple[Client, Connections]:
        """Returns the client that is asked with all the while."""
        if self._clients is None:
            credentials = Credentials.from_directory(self.directory)
            connections = Connections.dial(self.target, credentials, count=CHANNELS, policy=ONCE)
            renewer = Renewer(
                connections,
                credentials,
                self.target,
                count=CHANNELS,
                # Due as early as can be; roots are looked at when a step says so.
                timing=RenewalTiming(now=SystemClock().now, random=lambda: 0.0),
            )
            self._clients = Client.over(connections), connections, renewer
        return self._clients[:2]

    def close(self) -> None:
        """Closes that client."""
        if self._clients is not None:
            self._clients[0].close()

    def enrol(self) -> dict[str, Any]:
        """The partner gets its first certificate."""
        self._certified("partner")
        return {"serial": _serial(self.directory), "by_string": bool(self.enrolment)}

    def rotate_hub(self) -> dict[str, Any]:
        """The hub serves with another key and certificate."""
        serial = str(self.desk.act("cert", "rotate")["serial"])
        seconds = self._until(lambda: self._shown_serial() == serial, times=_HANDSHAKES)
        return {"serial": serial, "shown_after_seconds": seconds}

    def follow(self) -> dict[str, Any]:
        """Another certificate follows the partner's, and the running client goes over to it."""
        old = Credentials.from_directory(self.directory)
        before = _serial(self.directory)
        renewed = due_time(old) <= SystemClock().now()
        if not renewed:
            self._expect_not_due()
            self._certified("second")
            pieces = {
                name: (self.folder / "second" / name).read_bytes()
                for name in (CERTIFICATE_FILE, KEY_FILE)
            }
            folder = CredentialsDirectory(self.directory)
            with folder.locked():
                folder.replace(pieces)
        self._swap()
        serial = _serial(self.directory)
        states = self.desk.states()
        wanted = ("ACTIVE", "RETIRING" if renewed else "ACTIVE")
        if serial == before or (states.get(serial), states.get(before)) != wanted:
            raise StepFailedError(f"{before}: {states.get(before)}; {serial}: {states.get(serial)}")
        if renewed:
            self._expect_not_due()
        return {"renewed": renewed, "serial": serial, "before": before, "state": wanted[1]}

    def next_bundle(self) -> dict[str, Any]:
        """Another root is trusted beside the first; the running client takes it."""
        self.desk.act("cert", "bundle", "new-root", str(self.new_root))
        keys = ("--root-key", str(self.root_key), "--root-key", str(self._new / "root.key.pem"))
        added = ("--new-root", str(self._new / "root.crt.pem"))
        facts = self.desk.act("cert", "bundle", "add-root", *added, *keys)
        seconds = self._until(self._roots_taken)
        return {"version": facts["version"], "taken_after_seconds": seconds}

    def switch_authorities(self) -> dict[str, Any]:
        """Another authority signs clients; those of both are let in."""
        self.desk.act("cert", "bundle", "switch", str(self.new_root))
        credentials = self._certified("third")
        self._until(lambda: bool(get_bundle(self.target, credentials)))
        old = Credentials.from_directory(self.directory)
        get_bundle(self.target, old)
        first, second = (self._issuer(name) for name in ("partner", "third"))
        if first == second:
            raise StepFailedError("signed by the same authority")
        return {"serial": _serial(self.folder / "third"), "both_let_in": True}

    def change_root(self) -> dict[str, Any]:
        """The hub's certificate hangs below the other root; the first one is dropped."""
        roots = self.desk.act("cert", "bundle")["roots"]
        new_root_pem = (self._new / "root.crt.pem").read_bytes()
        facts = self.rotate_hub()
        verify_hub(Address.parse(self.target), new_root_pem)
        get_bundle(self.target, Credentials.from_directory(self.directory))
        key = ("--root-key", str(self._new / "root.key.pem"))
        dropped = self.desk.act("cert", "bundle", "drop-root", roots[0]["digest"], *key)
        seconds = self._until(self._roots_taken)
        return {**facts, "version": dropped["version"], "taken_after_seconds": seconds}

    def revoke(self) -> dict[str, Any]:
        """A certificate is revoked; whatever it is used for ends, and nothing else."""
        credentials = self._certified("last")
        serial = _serial(self.folder / "last")
        probe = RevocationProbe(self.target, credentials, agreed=self.agreed)
        try:
            if not probe.start():
                raise StepFailedError(f"not answered before it was revoked: {probe.ended}")
            self.desk.revoke(serial)
            since_ns = monotonic_ns()
            probe.await_end()
            seconds = probe.seconds(since_ns)
        finally:
            probe.close()
        if not all(each is not None and each <= REVOKED_SECONDS for each in seconds.values()):
            raise StepFailedError(f"{seconds} {probe.ended}")
        rounded = {f"{name}_seconds": round(each or 0.0, 2) for name, each in seconds.items()}
        return {"serial": serial, **rounded}

    @property
    def _new(self) -> Path:
        return self.new_root / "pki"

    def _certified(self, name: str) -> Credentials:
        """Gets a certificate into a folder: by a string, or by request if the hub enrols nobody."""
        folder = self.folder / name
        if self.enrolment:
            return enroll(folder, self.enrolment, self.desk.enrolment_text())
        _, request = make_key_and_request(folder, PARTNER)
        write_new(folder / CERTIFICATE_FILE, self.desk.issue(request))
        roots = self.desk.options.load_settings().tls.hub_roots
        write_new(folder / ROOTS_FILE, roots.read_bytes())
        return Credentials.from_directory(folder)

    def _expect_not_due(self) -> None:
        try:
            renew(self.directory, self.target)
        except HubRefusalError as error:
            if error.reason is not Reason.RENEWAL_NOT_DUE:
                raise
        else:
            raise StepFailedError("a renewal that was not due was done")

    def _roots_taken(self) -> bool:
        if not refresh_roots(self.directory, self.target):
            return False
        self._swap()
        return True

    def _swap(self) -> None:
        """Lets the running client do what its thread does: renew, and take what changed."""
        _, connections = self.client()
        before = connections.channels
        if self._clients is not None:
            self._clients[2].step()
        if connections.channels is before:
            raise StepFailedError("the client did not go over to its new files")

    def _issuer(self, name: str) -> x509.Certificate:
        return x509.load_pem_x509_certificates(
            (self.folder / name / CERTIFICATE_FILE).read_bytes()
        )[1]

    def _shown_serial(self) -> str:
        leaf = shown_chain(Address.parse(self.target))[0]
        return f"{x509.load_der_x509_certificate(leaf).serial_number:x}"

    def _until(self, holds: Callable[[], bool], *, times: int = 1) -> float:
        """Waits until something holds, so many times in a row; returns the seconds.

        Raises:
            StepFailedError: It did not in time.
        """
        began_ns, held, cause = monotonic_ns(), 0, ""
        while held < times:
            try:
                held, cause = (held + 1 if holds() else 0), ""
            except SdkError as error:
                held, cause = 0, str(error)
            if not held:
                if monotonic_ns() - began_ns > _TAKEN_UP_SECONDS * 1e9:
                    raise StepFailedError(say("drill.not_in_time", cause=cause))
                time.sleep(_PAUSE)
        return round((monotonic_ns() - began_ns) / 1e9, 2)


def _serial(folder: Path) -> str:
    leaf = x509.load_pem_x509_certificates((folder / CERTIFICATE_FILE).read_bytes())[0]
    return f"{leaf.serial_number:x}"
