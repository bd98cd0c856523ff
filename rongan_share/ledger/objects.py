"""Objects that verdicts depend on, kept as versions and never overwritten.

Each version says from which sequence and instant it holds, so that any past answer can be
explained.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import TypeVar

import msgspec

from rongan_share.errors import LedgerCorruptError
from rongan_share.ledger.counters import get_generation
from rongan_share.ledger.environment import Table, Transaction
from rongan_share.model.agreement import Agreement, AgreementState
from rongan_share.model.epoch import Epoch, EpochState
from rongan_share.model.partner import Certificate, Operator, Partner
from rongan_share.model.registry import Registry

Stored = Agreement | Partner | Certificate | Operator | Epoch
StoredType = TypeVar("StoredType", Agreement, Partner, Certificate, Operator, Epoch)


class Kind(Enum):
    """Kinds of objects, with the byte that opens their keys."""

    PARTNER = b"P"
    AGREEMENT = b"A"
    CERTIFICATE = b"C"
    OPERATOR = b"O"
    EPOCH = b"E"


_KINDS: dict[type, Kind] = {
    Partner: Kind.PARTNER,
    Agreement: Kind.AGREEMENT,
    Certificate: Kind.CERTIFICATE,
    Operator: Kind.OPERATOR,
    Epoch: Kind.EPOCH,
}
_HEADER_BYTES = 16


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


def find_object(txn: Transaction, kind: type[StoredType], object_id: str) -> StoredType | None:
    """Returns the newest version of an object, or None."""
    last = txn.last_under(Table.OBJECTS, _prefix(kind, object_id))
    return None if last is None else _decode(kind, last[1])


def agreement_id(partner_id: str, version: int) -> str:
    """Names one agreement version; what is stored under it are its states."""
    return f"{partner_id}/{version:010d}"


def list_newest(txn: Transaction, kind: type[StoredType]) -> Iterator[StoredType]:
    """Walks the newest version of every object of a kind, by id."""
    newest: tuple[bytes, bytes] | None = None
    for key, payload in txn.scan(Table.OBJECTS, prefix=_KINDS[kind].value):
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
        newest[agreement.partner_id] = max(newest.get(agreement.partner_id, 0), agreement.version)
        if agreement.state is AgreementState.ACTIVE:
            agreements[agreement.partner_id] = agreement
    current = [epoch for epoch in list_newest(txn, Epoch) if epoch.state is EpochState.CURRENT]
    if not current:
        raise LedgerCorruptError(Table.OBJECTS.value, Kind.EPOCH.value)
    return Registry(
        generation=get_generation(txn),
        partners={partner.partner_id: partner for partner in list_newest(txn, Partner)},
        agreements=agreements,
        newest_versions=newest,
        certificates={cert.fingerprint: cert for cert in list_newest(txn, Certificate)},
        operators={operator.operator_id: operator for operator in list_newest(txn, Operator)},
        epoch=current[0],
    )


def _prefix(kind: type, object_id: str) -> bytes:
    return _KINDS[kind].value + object_id.encode() + b"\x00"


def _decode(kind: type[StoredType], payload: bytes) -> StoredType:
    return msgspec.msgpack.decode(payload[_HEADER_BYTES:], type=kind)
