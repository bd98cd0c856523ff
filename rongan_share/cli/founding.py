"""Founding a hub: its home with configuration, keys, certificates, ledger and first epoch.

Everything is made in a directory beside the home and renamed at the end, so that a crash leaves no
half hub.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from rongan_share import __version__
from rongan_share.ca import Hierarchy, create_hierarchy
from rongan_share.clock import Clock, nanoseconds
from rongan_share.config import FILE_NAME, load_settings
from rongan_share.errors import StartRefusedError
from rongan_share.gate.notes import note_maker
from rongan_share.ledger.cipher import KEY_BYTES, write_key
from rongan_share.ledger.committer import Committer, Placement, Proposal, time_ns
from rongan_share.ledger.counters import put_hub_id
from rongan_share.ledger.environment import Ledger, Transaction
from rongan_share.ledger.hub_keys import marks_of
from rongan_share.ledger.objects import HUB_KEY_ID, Stored, epoch_id, put_object
from rongan_share.model.epoch import Epoch, EpochState
from rongan_share.model.hub_key import HubKey
from rongan_share.model.partner import (
    Certificate,
    CertificateState,
    HolderKind,
    Operator,
    Partner,
    PartnerState,
)
from rongan_share.model.registry import HUB_PARTNER_ID
from rongan_share.wire.vocabulary import Suite

FIRST_HUB_KEY = 1
"""Number of the hub key of a new hub."""

FIRST_EPOCH = 1
"""Number of the epoch that a new hub opens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a new hub is told.

    Attributes:
        trust_domain: Authority of every name in its certificates.
        address: Host and port that it will listen on.
        hub_names: DNS names and IP addresses in its certificate.
        operators: Names of its operators, at least two: one proposes, another approves.
        suite: How tokens of the first epoch are made.
        clock_offset_seconds: Sets its clock off, for rehearsals only.
        enrolment_address: Host and port at which partners enrol; empty for none.
    """

    trust_domain: str
    address: str
    hub_names: Sequence[str] = ("localhost", "127.0.0.1")
    operators: Sequence[str] = ("alice", "bob")
    suite: Suite = Suite.HMAC_SHA256
    clock_offset_seconds: int = 0
    enrolment_address: str = ""


def found_hub(home: Path, plan: Plan, clock: Clock) -> None:
    """Makes a hub.

    Args:
        home: Its home, which must not exist, or be empty.
        plan: What it is told.
        clock: Tells the time that certificates begin at.

    Raises:
        StartRefusedError: The home holds something, or fewer than two operators are named.
        IssueRefusedError: A name is malformed.
    """
    if home.exists() and any(home.iterdir()):
        raise StartRefusedError(f"{home} is not empty")
    if len(set(plan.operators)) < 2:  # noqa: PLR2004 - maker and checker
        raise StartRefusedError("a hub needs two operators: one proposes, another approves")
    home.parent.mkdir(parents=True, exist_ok=True)
    building = home.with_name(f".{home.name}.{secrets.token_hex(4)}")
    building.mkdir(mode=0o700)
    try:
        _fill(building, plan, clock)
        if home.exists():
            home.rmdir()
        building.rename(home)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _fill(home: Path, plan: Plan, clock: Clock) -> None:
    hierarchy = create_hierarchy(
        home,
        trust_domain=plan.trust_domain,
        hub_names=plan.hub_names,
        operators=plan.operators,
        now=clock.now(),
    )
    epoch_key = secrets.token_bytes(KEY_BYTES)
    hub_key = secrets.token_bytes(KEY_BYTES)
    write_key(home / "keys" / f"hub-{FIRST_HUB_KEY}.key", hub_key)
    write_key(home / "keys" / f"epoch-{FIRST_EPOCH}.key", epoch_key)
    (home / FILE_NAME).write_text(_document(plan), encoding="utf-8")
    data = load_settings(home).data_directory
    Ledger.create(data)
    with Ledger(data) as ledger:
        committer = Committer(ledger, clock, lambda _: None)
        committer.start()
        try:
            committer.submit(_genesis(plan, hierarchy, hub_key, epoch_key=epoch_key)).result()
        finally:
            committer.stop()


def _document(plan: Plan) -> str:
    """Returns what `hub.toml` says; JSON strings are TOML strings too."""
    return f"""\
# Paths are relative to this file. Keys must lie outside the data directory.
trust_domain = {json.dumps(plan.trust_domain)}
data_directory = "data"

[listen]
address = {json.dumps(plan.address)}
# Where partners get their first certificate by an enrolment string; empty for nowhere.
enrolment = {json.dumps(plan.enrolment_address)}
# Processes that answer calls; no more than the machine has cores to spare.
workers = 1

[keys]
hub_keys = "keys"
epoch_keys = "keys"

[tls]
certificate_chain = "pki/hub.crt.pem"
private_key = "pki/hub.key.pem"
client_roots = "pki/client-roots.pem"
client_intermediate = "pki/client-ca.crt.pem"
client_intermediate_key = "pki/client-ca.key.pem"

[clock]
# Anything but 0 is for rehearsals, and is noted in the audit log at every start.
offset_seconds = {plan.clock_offset_seconds}
"""


def _genesis(plan: Plan, hierarchy: Hierarchy, hub_key: bytes, *, epoch_key: bytes) -> Proposal:
    """Returns the first commit: the log's origin, the hub's own partner, operators, epoch."""
    hub_id = str(uuid.uuid4())
    facts = {"hub": hub_id, "version": __version__, "operators": ",".join(plan.operators)}
    side_secret = secrets.token_bytes(KEY_BYTES)
    marks = marks_of(hub_key, side_secret, hub_id=hub_id, key_id=FIRST_HUB_KEY)

    def write(txn: Transaction, placement: Placement) -> None:
        put_hub_id(txn, hub_id)
        marks.put(txn, FIRST_HUB_KEY)
        for object_id, stored in _first_objects(
            plan, hierarchy, epoch_key, now_ns=time_ns(placement)
        ):
            put_object(txn, stored, object_id=object_id, time_ns=time_ns(placement), sequence=0)

    return Proposal(
        make_entry=note_maker("hub/init", facts), writes=(write,), bumps_generation=True
    )


def _first_objects(
    plan: Plan, hierarchy: Hierarchy, epoch_key: bytes, *, now_ns: int
) -> list[tuple[str, Stored]]:
    hub = Partner(
        partner_id=HUB_PARTNER_ID,
        number=1,
        state=PartnerState.ACTIVE,
        version=1,
        display_name="the hub itself",
    )
    epoch = Epoch(
        number=FIRST_EPOCH,
        suite=plan.suite,
        state=EpochState.CURRENT,
        opened_ns=now_ns,
        key_digest=hashlib.sha256(epoch_key).digest(),
    )
    objects: list[tuple[str, Stored]] = [
        (HUB_PARTNER_ID, hub),
        (epoch_id(FIRST_EPOCH), epoch),
        (HUB_KEY_ID, HubKey(key_id=FIRST_HUB_KEY)),
    ]
    for name in plan.operators:
        pem = hierarchy.operator(name).certificate.read_bytes()
        certificate = _registered(x509.load_pem_x509_certificate(pem), name)
        objects += [
            (name, Operator(operator_id=name)),
            (certificate.fingerprint.hex(), certificate),
        ]
    return objects


def _registered(leaf: x509.Certificate, operator_id: str) -> Certificate:
    return Certificate(
        fingerprint=leaf.fingerprint(hashes.SHA256()),
        serial_hex=f"{leaf.serial_number:x}",
        holder_kind=HolderKind.OPERATOR,
        holder_id=operator_id,
        not_after_ns=nanoseconds(leaf.not_valid_after_utc),
        not_before_ns=nanoseconds(leaf.not_valid_before_utc),
        state=CertificateState.ACTIVE,
        version=1,
    )
