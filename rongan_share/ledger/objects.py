"""Objects that verdicts depend on, kept as versions and never overwritten.

Each version says from which sequence and instant it holds, so that any past answer can be
explained. A note of each write stands by generation, so that whoever holds the registry of an
earlier one reads what changed and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import TypeVar

import msgspec

from rongan_share.errors import LedgerCorruptError
from rongan_share.ledger.counters import get_generation
from rongan_share.ledger.environment import Table, Transaction
from rongan_share.model.agreement import Agreement, AgreementState
from rongan_share.model.enrolment import Enrolment
from rongan_share.model.epoch import Epoch, EpochState, EpochWaiver
from rongan_share.model.hub_key import HubKey, Target
from rongan_share.model.issuance import Issuance
from rongan_share.model.partner import Certificate, Operator, Partner
from rongan_share.model.registry import Registry

Stored = (
    Agreement
    | Partner
    | Certificate
    | Operator
    | Epoch
    | EpochWaiver
    | HubKey
    | Issuance
    | Enrolment
)
StoredType = TypeVar(
    "StoredType",
    Agreement,
    Partner,
    Certificate,
    Operator,
    Epoch,
    EpochWaiver,
    HubKey,
    Issuance,
    Enrolment,
)

HUB_KEY_ID = "hub-key"
"""Names the one object that says which hub key is used."""


class Kind(Enum):
    """Kinds of objects, with the byte that opens their keys."""

    PARTNER = b"P"
    AGREEMENT = b"A"
    CERTIFICATE = b"C"
    OPERATOR = b"O"
    EPOCH = b"E"
    EPOCH_WAIVER = b"W"
    HUB_KEY = b"K"
    ISSUANCE = b"I"
    ENROLMENT = b"N"


_KINDS: dict[type, Kind] = {
    Partner: Kind.PARTNER,
    Agreement: Kind.AGREEMENT,
    Certificate: Kind.CERTIFICATE,
    Operator: Kind.OPERATOR,
    Epoch: Kind.EPOCH,
    EpochWaiver: Kind.EPOCH_WAIVER,
    HubKey: Kind.HUB_KEY,
    Issuance: Kind.ISSUANCE,
    Enrolment: Kind.ENROLMENT,
}
_HEADER_BYTES = 16
_CHANGES = b"G"
"""Opens the keys of notes of writes: generation, 8 bytes big-endian, and the object's prefix."""

_CHANGE_BYTES = len(_CHANGES) + 8


def put_object(
    txn: Transaction, stored: Stored, *, object_id: str, time_ns: int, sequence: int
) -> None:
    """Writes a new version; the ones before it stay.

    Args:
        txn: The write transaction.
        stored: The object.
        object_id: Its id within its kind, without zero bytes.
        time_ns: From when it holds, nanoseconds since 1970-01-01 UTC.
        sequence: From which sequence on it holds.
    """
    prefix = _prefix(type(stored), object_id)
    last = txn.last_under(Table.OBJECTS, prefix)
    version = 1 if last is None else int.from_bytes(last[0][-4:], "big") + 1
    header = sequence.to_bytes(8, "little") + time_ns.to_bytes(8, "little")
    txn.put(
        Table.OBJECTS, prefix + version.to_bytes(4, "big"), header + msgspec.msgpack.encode(stored)
    )
    # Writes come before the bump that makes them count.
    txn.put(Table.OBJECTS, _change_key(get_generation(txn) + 1) + prefix, b"")


def find_object(txn: Transaction, kind: type[StoredType], object_id: str) -> StoredType | None:
    """Returns the newest version of an object, or None."""
    last = txn.last_under(Table.OBJECTS, _prefix(kind, object_id))
    return None if last is None else _decode(kind, last[1])


def find_time_ns(txn: Transaction, kind: type[StoredType], object_id: str) -> int:
    """Returns since when the newest version of an object holds; 0 if there is none."""
    last = txn.last_under(Table.OBJECTS, _prefix(kind, object_id))
    return 0 if last is None else int.from_bytes(last[1][8:_HEADER_BYTES], "little")


def epoch_id(number: int) -> str:
    """Names an epoch, and what was accepted for its promotion, so that ids are in its order."""
    return f"{number:010d}"


def agreement_id(partner_id: str, version: int) -> str:
    """Names one agreement version; what is stored under it are its states."""
    return f"{partner_id}/{version:010d}"


def list_newest(txn: Transaction, kind: type[StoredType]) -> Iterator[StoredType]:
    """Walks the newest version of every object of a kind, by id."""
    return _newest_under(txn, kind, b"")


def _newest_under(
    txn: Transaction, kind: type[StoredType], beginning: bytes
) -> Iterator[StoredType]:
    """Walks the newest version of every object of a kind whose id begins so."""
    newest: tuple[bytes, bytes] | None = None
    for key, payload in txn.scan(Table.OBJECTS, prefix=_KINDS[kind].value + beginning):
        if newest is not None and newest[0] != key[:-4]:
            yield _decode(kind, newest[1])
        newest = (key[:-4], payload)
    if newest is not None:
        yield _decode(kind, newest[1])


def load_registry(txn: Transaction) -> Registry:
    """Reads everything that decisions are made on.

    Raises:
        LedgerCorruptError: The ledger has no current epoch, or a checksum does not match.
    """
    agreements: dict[str, Agreement] = {}
    newest: dict[str, int] = {}
    for agreement in list_newest(txn, Agreement):
        _add_agreement(agreement, agreements, newest)
    epochs = _epochs(txn)
    return Registry(
        generation=get_generation(txn),
        partners={partner.partner_id: partner for partner in list_newest(txn, Partner)},
        agreements=agreements,
        newest_versions=newest,
        certificates={cert.fingerprint: cert for cert in list_newest(txn, Certificate)},
        operators={operator.operator_id: operator for operator in list_newest(txn, Operator)},
        epoch=_current(epochs),
        epochs=epochs,
        hub_key=_hub_key(txn),
    )


def load_targets(txn: Transaction) -> list[Target]:
    """Reads what sets of look-ups are made for: the one answers come from, then one that comes.

    Raises:
        LedgerCorruptError: As of `load_registry`.
    """
    epochs = _epochs(txn)
    registry = Registry(
        generation=get_generation(txn),
        partners={},
        agreements={},
        newest_versions={},
        certificates={},
        operators={},
        epoch=_current(epochs),
        epochs=epochs,
        hub_key=_hub_key(txn),
    )
    coming = registry.coming_target
    return [registry.target] if coming is None else [registry.target, coming]


def update_registry(txn: Transaction, before: Registry) -> Registry:
    """Brings a registry up to the generation of a transaction, reading only what changed.

    Args:
        txn: A transaction no older than the registry.
        before: The registry of an earlier generation of this ledger; stays as it is.

    Returns:
        What `load_registry` returns. All of it is read anew if any generation between the two
        left no note of what it changed.

    Raises:
        LedgerCorruptError: As of `load_registry`.
    """
    generation = get_generation(txn)
    noted: set[int] = set()
    changed: set[bytes] = set()
    # No upper end: what was written behind the last bump is in the ledger, so it is read as well.
    for key, _ in txn.scan(Table.OBJECTS, _change_key(before.generation + 1), prefix=_CHANGES):
        noted.add(int.from_bytes(key[len(_CHANGES) : _CHANGE_BYTES], "big"))
        changed.add(key[_CHANGE_BYTES:])
    if not noted.issuperset(range(before.generation + 1, generation + 1)):
        return load_registry(txn)
    ids: dict[bytes, list[bytes]] = {kind.value: [] for kind in Kind}
    for prefix in sorted(changed):
        ids[prefix[:1]].append(prefix[1:-1])
    agreements, newest = _changed_agreements(txn, before, ids[Kind.AGREEMENT.value])
    epochs = _epochs(txn) if ids[Kind.EPOCH.value] else before.epochs
    partners, certificates = dict(before.partners), dict(before.certificates)
    operators = dict(before.operators)
    for partner in _each(txn, Partner, ids):
        partners[partner.partner_id] = partner
    for certificate in _each(txn, Certificate, ids):
        certificates[certificate.fingerprint] = certificate
    for operator in _each(txn, Operator, ids):
        operators[operator.operator_id] = operator
    return Registry(
        generation=generation,
        partners=partners,
        agreements=agreements,
        newest_versions=newest,
        certificates=certificates,
        operators=operators,
        epoch=_current(epochs),
        epochs=epochs,
        hub_key=_hub_key(txn) if ids[Kind.HUB_KEY.value] else before.hub_key,
    )


def _changed_agreements(
    txn: Transaction, before: Registry, ids: list[bytes]
) -> tuple[dict[str, Agreement], dict[str, int]]:
    """Reads all agreements of those partners of whom one changed; one may have replaced another."""
    agreements, newest = dict(before.agreements), dict(before.newest_versions)
    for partner_id in {object_id.decode().partition("/")[0] for object_id in ids}:
        agreements.pop(partner_id, None)
        newest.pop(partner_id, None)
        for agreement in _newest_under(txn, Agreement, f"{partner_id}/".encode()):
            _add_agreement(agreement, agreements, newest)
    return agreements, newest


def _add_agreement(
    agreement: Agreement, agreements: dict[str, Agreement], newest: dict[str, int]
) -> None:
    newest[agreement.partner_id] = max(newest.get(agreement.partner_id, 0), agreement.version)
    if agreement.state is AgreementState.ACTIVE:
        agreements[agreement.partner_id] = agreement


def _each(
    txn: Transaction, kind: type[StoredType], ids: dict[bytes, list[bytes]]
) -> Iterator[StoredType]:
    for object_id in ids[_KINDS[kind].value]:
        stored = find_object(txn, kind, object_id.decode())
        if stored is None:
            raise LedgerCorruptError(Table.OBJECTS.value, _KINDS[kind].value + object_id)
        yield stored


def _epochs(txn: Transaction) -> dict[int, Epoch]:
    return {epoch.number: epoch for epoch in list_newest(txn, Epoch)}


def _current(epochs: Mapping[int, Epoch]) -> Epoch:
    for epoch in epochs.values():
        if epoch.state is EpochState.CURRENT:
            return epoch
    raise LedgerCorruptError(Table.OBJECTS.value, Kind.EPOCH.value)


def _hub_key(txn: Transaction) -> HubKey:
    hub_key = find_object(txn, HubKey, HUB_KEY_ID)
    if hub_key is None:
        raise LedgerCorruptError(Table.OBJECTS.value, Kind.HUB_KEY.value)
    return hub_key


def _change_key(generation: int) -> bytes:
    return _CHANGES + generation.to_bytes(_CHANGE_BYTES - len(_CHANGES), "big")


def _prefix(kind: type, object_id: str) -> bytes:
    return _KINDS[kind].value + object_id.encode() + b"\x00"


def _decode(kind: type[StoredType], payload: bytes) -> StoredType:
    return msgspec.msgpack.decode(payload[_HEADER_BYTES:], type=kind)
