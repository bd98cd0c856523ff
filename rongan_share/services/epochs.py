"""OperatorService, epochs: one is opened beside the current one, takes its place, and is closed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from rongan_share.clock import nanoseconds
from rongan_share.errors import Reason, RonganError, StartRefusedError
from rongan_share.ledger.committer import Placement, time_ns
from rongan_share.ledger.counters import get_list_sequence
from rongan_share.ledger.objects import epoch_id, find_object, put_object
from rongan_share.model.epoch import Epoch, EpochState, EpochWaiver
from rongan_share.model.hub_key import RekeyPhase, Target
from rongan_share.model.partner import PartnerState
from rongan_share.services.call import Call, Outcome, malformed, read_number
from rongan_share.services.timestamps import timestamp
from rongan_share.v1 import agreement_service_pb2, vocabulary_pb2
from rongan_share.v1 import operator_service_pb2 as pb
from rongan_share.wire.vocabulary import Suite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rongan_share.ledger.environment import Transaction


def open_epoch(call: Call, request: pb.OpenEpochRequest) -> Outcome:
    """Answers OpenEpoch.

    Raises:
        RonganError: WRONG_STATE, REQUEST_MALFORMED.
    """
    suite = read_number(Suite, request.suite, "suite")
    registry = call.registry
    if registry.opening is not None:
        raise RonganError(Reason.WRONG_STATE, state=registry.opening.state.name)
    if registry.hub_key.phase is not RekeyPhase.NONE:
        raise RonganError(Reason.WRONG_STATE, state=registry.hub_key.phase.name)
    number = max(registry.epochs) + 1
    if request.epoch != number:
        raise malformed("epoch", f"{number}, which is next")
    if _digest_of_key(call, number) != request.key_digest:
        raise malformed("key_digest", "that of the key in the hub's file of this epoch")
    epoch = Epoch(
        number=number,
        suite=suite,
        state=EpochState.OPENING,
        opened_ns=nanoseconds(call.now),
        key_digest=request.key_digest,
    )
    return Outcome(
        answer=pb.OpenEpochResponse(epoch=_message(epoch)),
        facts={"epoch": str(number), "suite": suite.name, "key": request.key_digest.hex()},
        bumps_generation=True,
        writes=(_write(epoch),),
    )


def list_epochs(call: Call, request: pb.ListEpochsRequest) -> Outcome:
    """Answers ListEpochs.

    Raises:
        RonganError: STALE_SNAPSHOT while look-ups of the opening epoch are being made;
            REQUEST_MALFORMED.
    """
    registry, opening = call.registry, call.registry.opening
    suite = opening.suite if opening else None
    if request.suite:
        suite = read_number(Suite, request.suite, "suite")
    answer = pb.ListEpochsResponse(
        epochs=[_message(registry.epochs[number]) for number in sorted(registry.epochs)],
        listing_count=call.snapshot(get_list_sequence(call.read)).listing_count,
        ungranted=_ungranted(call, suite) if suite else (),
    )
    if opening is not None:
        lacking = _count_lacking(call)
        names = {partner.number: name for name, partner in registry.partners.items()}
        most_first = sorted(lacking.items(), key=lambda each: (-each[1], names[each[0]]))
        answer.lacking_count = sum(lacking.values())
        answer.lacking.extend(
            pb.LackingCount(partner_id=names[number], count=count) for number, count in most_first
        )
        waiver = _find_waiver(call, opening)
        # Who accepted another number has accepted nothing that stands now.
        if waiver is not None and waiver.count == answer.lacking_count:
            answer.waiver_operator, answer.waived_count = waiver.operator, waiver.count
    return Outcome(answer=answer)


def promote_epoch(call: Call, request: pb.PromoteEpochRequest) -> Outcome:
    """Answers PromoteEpoch.

    What lacks tokens was counted before the commit, and can only have become less by then: what
    is added while an epoch is opening carries both tokens.

    Raises:
        RonganError: RESOURCE_NOT_FOUND, WRONG_STATE, LISTINGS_LACK_TOKENS, SAME_OPERATOR,
            REQUEST_MALFORMED, STALE_SNAPSHOT, STORE_FAILED.
    """
    epoch = _find(call, request.epoch, EpochState.OPENING)
    if request.waived_count < 0:
        raise malformed("waived_count", "0 or more")
    if _digest_of_key(call, epoch.number) != epoch.key_digest:
        # Nobody could be handed the key, so nobody could ask.
        raise RonganError(Reason.STORE_FAILED)
    lacking = sum(_count_lacking(call).values())
    facts = {"epoch": str(epoch.number)}
    if lacking:
        if request.waived_count != lacking:
            raise RonganError(Reason.LISTINGS_LACK_TOKENS, count=lacking)
        facts["waived"] = str(lacking)
        waiver = _find_waiver(call, epoch)
        if waiver is None or waiver.count != lacking:
            return _remember(call, epoch, lacking, facts=facts)
        if waiver.operator == call.caller.caller_id:
            raise RonganError(Reason.SAME_OPERATOR)
        facts["waiver"] = waiver.operator
    if not call.hub.all_follow(Target(epoch.number, call.registry.hub_key.key_id)):
        # Another worker is not as far yet: it would have nothing to answer from.
        raise RonganError(Reason.STALE_SNAPSHOT, retry_after_seconds=1.0, listSequence=0)
    current = msgspec.structs.replace(epoch, state=EpochState.CURRENT)
    closing = msgspec.structs.replace(call.registry.epoch, state=EpochState.CLOSING)
    return Outcome(
        answer=pb.PromoteEpochResponse(epoch=_message(current), promoted=True),
        facts=facts,
        bumps_generation=True,
        writes=(_write(closing), _write_current(current)),
    )


def close_epoch(call: Call, request: pb.CloseEpochRequest) -> Outcome:
    """Answers CloseEpoch.

    Raises:
        RonganError: RESOURCE_NOT_FOUND, WRONG_STATE.
    """
    epoch = _find(call, request.epoch, EpochState.CLOSING)
    closed = msgspec.structs.replace(epoch, state=EpochState.CLOSED)
    return Outcome(
        answer=pb.CloseEpochResponse(epoch=_message(closed)),
        facts={"epoch": str(epoch.number)},
        bumps_generation=True,
        writes=(_write(closed),),
    )


def _ungranted(call: Call, suite: Suite) -> list[str]:
    """Returns who could call now, and could not with tokens of a suite."""
    return sorted(
        agreement.partner_id
        for agreement in call.registry.agreements.values()
        if suite not in agreement.suites
        and agreement.start_day <= call.day <= agreement.end_day
        and call.registry.partners[agreement.partner_id].state is PartnerState.ACTIVE
    )


def _count_lacking(call: Call) -> Mapping[int, int]:
    """Returns how many live listings lack a token of the opening epoch, by partner number."""
    if call.coming_snapshot is None:
        # Without a count nothing may be promoted.
        raise RonganError(Reason.INTERNAL)
    return call.coming_snapshot(get_list_sequence(call.read)).lacking


def _remember(call: Call, epoch: Epoch, lacking: int, *, facts: Mapping[str, str]) -> Outcome:
    waiver = EpochWaiver(epoch=epoch.number, count=lacking, operator=call.caller.caller_id)
    return Outcome(
        answer=pb.PromoteEpochResponse(epoch=_message(epoch), promoted=False),
        facts=facts,
        # Two operators at the same time come one after the other.
        bumps_generation=True,
        writes=(_write(waiver),),
    )


def _find(call: Call, number: int, state: EpochState) -> Epoch:
    """Finds an epoch that must stand somewhere."""
    epoch = call.registry.epochs.get(number)
    if epoch is None:
        raise RonganError(Reason.RESOURCE_NOT_FOUND, resource="epoch")
    if epoch.state is not state:
        raise RonganError(Reason.WRONG_STATE, state=epoch.state.name)
    return epoch


def _find_waiver(call: Call, epoch: Epoch) -> EpochWaiver | None:
    return find_object(call.read, EpochWaiver, epoch_id(epoch.number))


def _digest_of_key(call: Call, number: int) -> bytes:
    """Returns the digest of the key in an epoch's file; empty if it has none that can be read."""
    try:
        return hashlib.sha256(call.hub.epoch_key(number)).digest()
    except StartRefusedError:
        return b""


def _message(epoch: Epoch) -> pb.Epoch:
    return pb.Epoch(
        epoch=epoch.number,
        suite=vocabulary_pb2.Suite.ValueType(epoch.suite),
        state=agreement_service_pb2.EpochState.ValueType(epoch.state),
        opened_time=timestamp(epoch.opened_ns),
    )


def _write_current(epoch: Epoch) -> Callable[[Transaction, Placement], None]:
    """Returns what writes an epoch with the last frame that its look-ups must know of."""

    def write(txn: Transaction, placement: Placement) -> None:
        current = msgspec.structs.replace(epoch, current_sequence=placement.sequence)
        _write(current)(txn, placement)

    return write


def _write(stored: Epoch | EpochWaiver) -> Callable[[Transaction, Placement], None]:
    number = stored.number if isinstance(stored, Epoch) else stored.epoch

    def write(txn: Transaction, placement: Placement) -> None:
        put_object(
            txn,
            stored,
            object_id=epoch_id(number),
            time_ns=time_ns(placement),
            sequence=placement.sequence,
        )

    return write
