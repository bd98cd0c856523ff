"""The list of revoked client certificates, for whoever checks them without asking the hub.

The hub itself never reads it: what was revoked it looks up in the ledger at every call.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from rongan_share.clock import nanoseconds
from rongan_share.ledger.counters import get_generation
from rongan_share.ledger.objects import load_registry
from rongan_share.model.partner import CertificateState, HolderKind
from rongan_share.processes.signing import SignerClient

if TYPE_CHECKING:
    from threading import Event

    from rongan_share.clock import Clock
    from rongan_share.config import Settings
    from rongan_share.ledger.environment import Ledger
    from rongan_share.model.registry import Registry

RENEWED_AFTER = timedelta(days=1)
"""Age at which a list is made anew although nothing was revoked."""


class RevocationList:
    """Keeps the file up to date.

    Args:
        settings: The hub's configuration.
        ledger: The ledger.
        clock: The hub's clock.
    """

    def __init__(self, settings: Settings, ledger: Ledger, clock: Clock) -> None:
        self._path = settings.signer.revocation_list
        self._signer = SignerClient(settings.signer.socket)
        self._ledger = ledger
        self._clock = clock
        self._looked_at = -1
        self._due_ns = 0

    def round(self, _: Event) -> bool:
        """Has a list made if the one that is there is old or lacks something; says whether it did.

        Raises:
            RonganError: SIGNER_UNAVAILABLE; the next round tries again.
            OSError: The file cannot be written.
        """
        now_ns = nanoseconds(self._clock.now())
        with self._ledger.read() as txn:
            generation = get_generation(txn)
            if generation == self._looked_at and now_ns < self._due_ns:
                return False
            registry = load_registry(txn)
        known = self._read()
        fresh = known is not None and (
            nanoseconds(known.last_update_utc + RENEWED_AFTER) > now_ns
            and _revoked(registry, now_ns) <= {each.serial_number for each in known}
        )
        if not fresh:
            known = x509.load_der_x509_crl(self._signer.revocation_list())
            self._write(known.public_bytes(Encoding.PEM))
        if known is not None:
            self._due_ns = nanoseconds(known.last_update_utc + RENEWED_AFTER)
        self._looked_at = generation
        return not fresh

    def _read(self) -> x509.CertificateRevocationList | None:
        try:
            return x509.load_pem_x509_crl(self._path.read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    def _write(self, pem: bytes) -> None:
        draft = self._path.with_name(f".{self._path.name}.draft")
        with draft.open("wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._path)


def _revoked(registry: Registry, now_ns: int) -> set[int]:
    """Serial numbers of what a list must hold."""
    return {
        int(each.serial_hex, 16)
        for each in registry.certificates.values()
        if each.state is CertificateState.REVOKED
        and each.holder_kind is not HolderKind.HUB
        and each.not_after_ns >= now_ns
    }
