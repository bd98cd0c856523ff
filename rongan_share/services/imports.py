"""CommitImport: rows that an operator has staged in the store become listings, all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from rongan_share.clock import nanoseconds
from rongan_share.errors import MovedError, Reason, RonganError
from rongan_share.ledger.committer import Placement, time_ns
from rongan_share.ledger.counters import get_last_of_partner, put_last_of_partner
from rongan_share.ledger.imports import (
    ImportRecord,
    ImportState,
    find_import,
    get_seals,
    put_import,
)
from rongan_share.ledger.journal import find_part_seal
from rongan_share.ledger.sealed import SEAL_BYTES
from rongan_share.ledger.segments import (
    IMPORT_ID_BYTES,
    Segment,
    append_segment,
    digest_of_seals,
)
from rongan_share.ledger.values import RowsHeader
from rongan_share.model.caller import Caller
from rongan_share.model.hub_key import RekeyPhase
from rongan_share.model.partner import HolderKind
from rongan_share.services.call import Call, Outcome, Scope, malformed, read_bytes
from rongan_share.services.partners import find_partner
from rongan_share.v1 import operator_service_pb2 as pb
from rongan_share.wire.vocabulary import ProductLine, Suite

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from rongan_share.ledger.environment import Transaction
    from rongan_share.model.hub_key import HubKey
    from rongan_share.model.registry import Registry

    Verify = Callable[..., None]


def import_committer(verify: Verify) -> Callable[[Call, pb.CommitImportRequest], Outcome]:
    """Makes the handler of CommitImport.

    Args:
        verify: Says whether a partner's standing and agreement allow a scope, by the same rules
            that its own calls are held to.
    """

    def commit_import(call: Call, request: pb.CommitImportRequest) -> Outcome:
        import_id = read_bytes(request.import_id, IMPORT_ID_BYTES, "import_id")
        record, seals = _find_staged(call, request)
        if record.committed:
            return _answer_again(record)
        if call.registry.opening is not None:
            # Staged rows carry no tokens of it.
            raise RonganError(Reason.WRONG_STATE, state=call.registry.opening.state.name)
        _verify_partner(call, record, verify)
        _verify_phase(call.registry.hub_key)
        changed = find_change(call.read, call.registry, record)
        if changed is None and 0 < record.least_expiry_day < call.day:
            changed = "day"
        if changed is None and record.ruling.taxonomy_version != call.taxonomy.version:
            changed = "taxonomy"
        if changed is None and not _are_whole(call.read, import_id, seals):
            changed = "parts"
        if changed is not None:
            raise RonganError(Reason.IMPORT_OUTDATED, changed=changed)
        segment = Segment(0, _header_of(call, record), import_id, seals)
        return Outcome(
            answer=pb.CommitImportResponse(),
            complete=_put_sequences(segment.part_count),
            counts={"added": record.row_count, "parts": segment.part_count},
            facts={
                "partner": record.ruling.partner_id,
                "import": import_id.hex(),
                "rows": str(record.row_count),
                "digest": segment.digest.hex(),
                "content": record.content.hex(),
                "agreement": str(record.ruling.agreement_version),
                "consent": "named" if record.ruling.consent_named else "not named",
            },
            snapshot_sequence=record.checked_sequence,
            sequence_count=segment.part_count,
            expectations=(_expect_unmoved(import_id, record),),
            writes=(_write_segment(segment, record),),
        )

    return commit_import


def find_change(txn: Transaction, registry: Registry, record: ImportRecord) -> str | None:
    """Says what has changed of what the rows of an import were judged by; None if nothing has."""
    ruling = record.ruling
    if get_last_of_partner(txn, ruling.partner_number) != record.checked_sequence:
        return "frames"
    agreement = registry.agreements.get(ruling.partner_id)
    if agreement is None or agreement.version != ruling.agreement_version:
        return "agreement"
    if (registry.epoch.number, registry.epoch.suite) != (ruling.epoch, ruling.suite):
        return "epoch"
    if registry.hub_key.key_id != ruling.key_id:
        return "hub_key"
    return None


def _find_staged(call: Call, request: pb.CommitImportRequest) -> tuple[ImportRecord, bytes]:
    """Finds an import that is staged whole, or committed, and is what the operator names."""
    find_partner(call, request.partner_id)
    record = find_import(call.read, request.import_id)
    whole = record is not None and record.state in (ImportState.STAGED, ImportState.COMMITTED)
    if record is None or not whole or record.ruling.partner_id != request.partner_id:
        raise RonganError(Reason.RESOURCE_NOT_FOUND, resource="import")
    if request.row_count != record.row_count or not record.row_count:
        raise malformed("row_count", "as many rows as were staged, at least 1")
    seals = get_seals(call.read, request.import_id)
    if request.digest != digest_of_seals([seals]):
        raise malformed("digest", "that of the staged parts")
    return record, seals


def _are_whole(txn: Transaction, import_id: bytes, seals: bytes) -> bool:
    """Tells whether every part is there as it was staged.

    It need not be looked at again when the commit is written: whoever drops parts changes the
    record before, and the commit expects that as it is now.
    """
    parts = range(len(seals) // SEAL_BYTES)
    return seals == b"".join(find_part_seal(txn, import_id, number) for number in parts)


def _verify_partner(call: Call, record: ImportRecord, verify: Verify) -> None:
    ruling = record.ruling
    partner = Caller(HolderKind.PARTNER, ruling.partner_id, "")
    scope = Scope(product_line=ProductLine.CONTRIBUTE, suite=Suite(ruling.suite))
    verify(partner, call.registry, scope, day=call.day)


def _verify_phase(hub_key: HubKey) -> None:
    if hub_key.phase is RekeyPhase.BUILDING:
        # The look-ups that come have no columns of it: every worker would hold all its rows.
        raise RonganError(Reason.WRONG_STATE, state=hub_key.phase.name)


def _answer_again(record: ImportRecord) -> Outcome:
    answer = pb.CommitImportResponse(
        first_sequence=record.first_sequence,
        last_sequence=record.first_sequence + record.part_count - 1,
        repeated=True,
        entry_index=record.entry_index,
    )
    return Outcome(answer=answer, names_entry=True, counts={"repeated": record.row_count})


def _header_of(call: Call, record: ImportRecord) -> RowsHeader:
    return RowsHeader(
        key_id=record.ruling.key_id,
        suite=record.ruling.suite,
        epoch=record.ruling.epoch,
        next_epoch=0,
        partner_number=record.ruling.partner_number,
        row_count=record.row_count,
        time_ns=nanoseconds(call.now),
    )


def _put_sequences(part_count: int) -> Callable[[Message, Placement], None]:
    def put(answer: Message, placement: Placement) -> None:
        last = placement.sequence + part_count - 1
        answer.first_sequence = placement.sequence  # type: ignore[attr-defined]
        answer.last_sequence = last  # type: ignore[attr-defined]

    return put


def _expect_unmoved(import_id: bytes, record: ImportRecord) -> Callable[[Transaction], None]:
    """Returns the check that nothing the rows were judged by has changed, nor they themselves."""

    def expect(txn: Transaction) -> None:
        if get_last_of_partner(txn, record.ruling.partner_number) != record.checked_sequence:
            raise MovedError
        if find_import(txn, import_id) != record:
            raise MovedError

    return expect


def _write_segment(
    segment: Segment, record: ImportRecord
) -> Callable[[Transaction, Placement], None]:
    def write(txn: Transaction, placement: Placement) -> None:
        first = placement.sequence
        placed = Segment(first, segment.header, segment.import_id, segment.seals)
        append_segment(txn, placed)
        put_last_of_partner(txn, record.ruling.partner_number, placed.last_sequence)
        committed = msgspec.structs.replace(
            record,
            state=ImportState.COMMITTED,
            first_sequence=first,
            entry_index=placement.entry_index,
            touched_ns=time_ns(placement),
        )
        put_import(txn, segment.import_id, committed)

    return write
