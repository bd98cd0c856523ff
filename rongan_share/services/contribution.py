"""ContributionService: frames of rows into the journal, each whole or not at all, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rongan_share.clock import nanoseconds
from rongan_share.errors import MovedError, Reason, RonganError
from rongan_share.ledger.committer import Placement, time_ns
from rongan_share.ledger.counters import get_last_of_partner, put_last_of_partner
from rongan_share.ledger.entries import find_nonce
from rongan_share.ledger.journal import PackedFrame, RowsHeader
from rongan_share.ledger.streams import (
    FRAME_MEMORY_NS,
    KeptFrame,
    StreamKey,
    find_frame,
    get_highest_frame,
    put_frame,
    put_highest_frame,
)
from rongan_share.services.call import Call, Outcome, read_bytes
from rongan_share.services.row_terms import terms_of
from rongan_share.services.row_tokens import needs_next
from rongan_share.services.rows import Resolved, check_rows, resolve_rows
from rongan_share.v1 import contribution_service_pb2 as pb
from rongan_share.wire.frames import TOKEN_BYTES
from rongan_share.wire.vocabulary import RowOperation

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from rongan_share.ledger.environment import Transaction
    from rongan_share.services.frames import ContributionFrame


def accept_frame(call: Call, frame: ContributionFrame) -> Outcome:
    """Answers one frame of Contribute.

    Raises:
        RonganError: FRAME_GAP, FRAME_CONFLICT, STREAM_TOO_OLD, EPOCH_NOT_OPEN, NEXT_EPOCH_NEEDED,
            SCOPE_NOT_GRANTED, ROW_REFUSED.
    """
    kept = find_kept(call, frame)
    if kept is not None:
        return _acknowledge_again(call, frame, kept)
    _verify_epochs(call, frame)
    terms = terms_of(call)
    check_rows(terms, frame)
    last = get_last_of_partner(call.read, call.partner.number)
    snapshot = call.snapshot(last)
    enciphered = _encipher(call, frame.raw["token"])
    resolved = resolve_rows(terms, frame, snapshot, enciphered=np.frombuffer(enciphered, "S16"))
    packed = _pack(call, frame, enciphered, resolved=resolved)
    added_count = _count(frame, RowOperation.ADD) - resolved.unchanged_count
    counts = {
        "added": added_count,
        "amended": resolved.amended_count,
        "withdrawn": resolved.withdrawn_count,
        "unchanged": resolved.unchanged_count,
    }
    if resolved.retokened_count:
        counts["retokened"] = resolved.retokened_count
    return Outcome(
        answer=pb.ContributeResponse(
            frame_number=frame.frame_number,
            added_count=added_count,
            amended_count=resolved.amended_count,
            withdrawn_count=resolved.withdrawn_count,
            unchanged_count=resolved.unchanged_count,
        ),
        complete=_put_sequence,
        counts={**counts, "rows": frame.row_count, "charged": frame.cost},
        facts=_stream_facts(frame),
        snapshot_sequence=snapshot.sequence,
        cost=frame.cost,
        sequence_count=1,
        expectations=(_expect_unmoved(call, frame, last),),
        writes=(_write_frame(call, frame, packed),),
    )


def _verify_epochs(call: Call, frame: ContributionFrame) -> None:
    """Refuses tokens of other epochs than those that are to be carried now."""
    epoch, opening = call.registry.epoch, call.registry.opening
    not_open = RonganError(
        Reason.EPOCH_NOT_OPEN, currentEpoch=epoch.number, currentSuite=epoch.suite.name
    )
    if frame.carries_tokens and (frame.epoch, frame.suite) != (epoch.number, epoch.suite):
        raise not_open
    # What names listings and nothing more is taken, whatever its stream said of the next epoch.
    needing = needs_next(frame)
    if not (needing or frame.carries_next_tokens):
        return
    if frame.next_epoch and (opening is None or frame.next_epoch != opening.number):
        raise not_open
    if opening is None or not needing:
        return
    if not frame.next_epoch:
        raise RonganError(
            Reason.NEXT_EPOCH_NEEDED, nextEpoch=opening.number, nextSuite=opening.suite.name
        )
    if opening.suite not in call.agreement.suites:
        raise RonganError(Reason.SCOPE_NOT_GRANTED, scope="suite", value=opening.suite.name)


def frame_cost(call: Call, frame: ContributionFrame) -> int:
    """Returns what a frame will cost; nothing if it was kept before.

    Raises:
        RonganError: FRAME_GAP, FRAME_CONFLICT, STREAM_TOO_OLD.
    """
    return 0 if find_kept(call, frame) is not None else frame.cost


def find_kept(call: Call, frame: ContributionFrame) -> KeptFrame | None:
    """Finds the frame if it was kept before.

    Returns:
        What was kept, or None if the frame is the next one of its stream.

    Raises:
        RonganError: FRAME_GAP, FRAME_CONFLICT, STREAM_TOO_OLD.
    """
    stream = StreamKey(call.partner.number, frame.stream_id)
    highest = get_highest_frame(call.read, stream)
    if frame.frame_number == highest + 1:
        return None
    if frame.frame_number > highest:
        raise RonganError(Reason.FRAME_GAP, expected=highest + 1)
    kept = find_frame(call.read, stream, frame.frame_number)
    if kept is None or nanoseconds(call.now) - kept.time_ns >= FRAME_MEMORY_NS:
        raise RonganError(Reason.STREAM_TOO_OLD, highest=highest)
    if kept.digest != call.blind(frame.content):
        raise RonganError(Reason.FRAME_CONFLICT)
    return kept


def read_stream_id(request: pb.GetContributionStateRequest) -> bytes:
    """Reads the stream that is asked about.

    Raises:
        RonganError: REQUEST_MALFORMED.
    """
    return read_bytes(request.stream_id, TOKEN_BYTES, "stream_id")


def get_contribution_state(call: Call, stream_id: bytes) -> Outcome:
    """Answers GetContributionState."""
    stream = StreamKey(call.partner.number, stream_id)
    highest = get_highest_frame(call.read, stream)
    answer = pb.GetContributionStateResponse(frame_number=highest)
    kept = find_frame(call.read, stream, highest) if highest else None
    if kept is not None:
        answer.sequence = kept.sequence
        answer.entry_index = kept.entry_index
    return Outcome(answer=answer, names_entry=True)


def _acknowledge_again(call: Call, frame: ContributionFrame, kept: KeptFrame) -> Outcome:
    # Whoever missed the acknowledgement gets what opens the entry that it was made with.
    sealed = find_nonce(call.read, kept.entry_index) or b""
    return Outcome(
        answer=pb.ContributeResponse(
            frame_number=frame.frame_number,
            sequence=kept.sequence,
            entry_index=kept.entry_index,
            repeated=True,
        ),
        names_entry=True,
        earlier_nonce=call.hub.side_keys.open_nonce(sealed),
        counts={"repeated": frame.row_count},
        facts=_stream_facts(frame),
    )


def _expect_unmoved(
    call: Call, frame: ContributionFrame, last: int
) -> Callable[[Transaction], None]:
    """Returns the check that nothing these rows were judged by has changed since."""
    number = call.partner.number
    stream = StreamKey(number, frame.stream_id)

    def expect(txn: Transaction) -> None:
        # Another frame of this partner may have changed what these rows name.
        if get_last_of_partner(txn, number) != last:
            raise MovedError
        if get_highest_frame(txn, stream) != frame.frame_number - 1:
            raise MovedError

    return expect


def _put_sequence(answer: Message, placement: Placement) -> None:
    answer.sequence = placement.sequence  # type: ignore[attr-defined]


def _stream_facts(frame: ContributionFrame) -> dict[str, str]:
    return {"stream": frame.stream_id.hex(), "frame": str(frame.frame_number)}


def _count(frame: ContributionFrame, operation: RowOperation) -> int:
    return int(np.count_nonzero(frame.columns["operation"] == operation))


def _encipher(call: Call, tokens: bytes) -> bytes:
    """Enciphers a column of tokens; zero, which names no token, stays zero."""
    enciphered = np.frombuffer(call.cipher.encipher(tokens), "S16")
    none = np.zeros(1, "S16")
    named = np.frombuffer(tokens, "S16") != b""
    return np.where(named, enciphered, none).tobytes()


def _pack(
    call: Call, frame: ContributionFrame, enciphered: bytes, *, resolved: Resolved
) -> PackedFrame:
    columns = frame.raw | {"token": enciphered}
    if frame.carries_next_tokens:
        # An ADD that finds its listing alive makes none, but brings it the token that it may lack.
        operation = frame.columns["operation"].copy()
        found = resolved.pair_rows[operation[resolved.pair_rows] == RowOperation.ADD]
        operation[found] = RowOperation.RETOKEN
        columns["operation"] = operation.tobytes()
        columns["next_token"] = _encipher(call, frame.raw["next_token"])
    else:
        columns.pop("next_token", None)
    header = RowsHeader(
        key_id=call.cipher.key_id,
        suite=call.registry.epoch.suite,
        epoch=call.registry.epoch.number,
        next_epoch=frame.next_epoch if frame.carries_next_tokens else 0,
        partner_number=call.partner.number,
        row_count=frame.row_count,
        time_ns=nanoseconds(call.now),
    )
    return PackedFrame(header, columns, pair_rows=resolved.pair_rows, pair_ids=resolved.pair_ids)


def _write_frame(
    call: Call, frame: ContributionFrame, packed: PackedFrame
) -> Callable[[Transaction, Placement], None]:
    number = call.partner.number
    stream = StreamKey(number, frame.stream_id)
    digest = call.blind(frame.content)

    def write(txn: Transaction, placement: Placement) -> None:
        packed.append(txn, placement.sequence)
        put_last_of_partner(txn, number, placement.sequence)
        put_highest_frame(txn, stream, frame.frame_number)
        kept = KeptFrame(digest, placement.sequence, placement.entry_index, time_ns(placement))
        put_frame(txn, stream, frame.frame_number, frame=kept)

    return write
