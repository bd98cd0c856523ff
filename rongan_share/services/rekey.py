"""OperatorService, the hub key: a change of it is begun and ended here, and done by the keeper."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

import msgspec

from rongan_share.errors import Reason, RonganError, StartRefusedError
from rongan_share.ledger.committer import Placement, time_ns
from rongan_share.ledger.counters import forget_key
from rongan_share.ledger.hub_keys import next_key_id
from rongan_share.ledger.objects import HUB_KEY_ID, put_object
from rongan_share.ledger.rekeyed import count_values, get_left
from rongan_share.model.hub_key import HubKey, RekeyPhase
from rongan_share.services.call import Call, Outcome, malformed
from rongan_share.v1 import operator_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable

    from rongan_share.ledger.environment import Transaction
    from rongan_share.ledger.hub_keys import KeyMarks


def start_rekey(call: Call, request: pb.StartRekeyRequest) -> Outcome:
    """Answers StartRekey.

    Raises:
        RonganError: WRONG_STATE, REQUEST_MALFORMED.
    """
    hub_key = call.registry.hub_key
    _expect_phase(hub_key, RekeyPhase.NONE)
    if call.registry.opening is not None:
        raise RonganError(Reason.WRONG_STATE, state=call.registry.opening.state.name)
    key_id = next_key_id(hub_key.key_id)
    if request.key_id != key_id:
        raise malformed("key_id", f"{key_id}, which is next")
    marks = _marks_of_file(call, key_id, digest=request.key_digest)
    building = msgspec.structs.replace(
        hub_key, phase=RekeyPhase.BUILDING, next_key_id=key_id, old_key_id=0
    )

    def write(txn: Transaction, _: Placement) -> None:
        marks.put(txn, key_id)

    return Outcome(
        answer=pb.StartRekeyResponse(rekey=_message(call, building)),
        facts={"key": str(key_id), "old": str(hub_key.key_id)},
        bumps_generation=True,
        writes=(write, hub_key_write(building)),
    )


def get_rekey(call: Call, _: pb.GetRekeyRequest) -> Outcome:
    """Answers GetRekey."""
    return Outcome(answer=pb.GetRekeyResponse(rekey=_message(call, call.registry.hub_key)))


def finish_rekey(call: Call, request: pb.FinishRekeyRequest) -> Outcome:
    """Answers FinishRekey.

    Raises:
        RonganError: WRONG_STATE, REQUEST_MALFORMED.
    """
    hub_key = call.registry.hub_key
    _expect_phase(hub_key, RekeyPhase.REWRITTEN)
    if request.key_id != hub_key.key_id:
        raise malformed("key_id", f"{hub_key.key_id}, which came")
    finished = HubKey(key_id=hub_key.key_id, since_sequence=hub_key.since_sequence)

    def write(txn: Transaction, _: Placement) -> None:
        # Without them the old key opens nothing of this store any more.
        forget_key(txn, hub_key.old_key_id)

    return Outcome(
        answer=pb.FinishRekeyResponse(rekey=_message(call, finished)),
        facts={"key": str(hub_key.key_id), "old": str(hub_key.old_key_id)},
        bumps_generation=True,
        writes=(write, hub_key_write(finished)),
    )


def hub_key_write(hub_key: HubKey) -> Callable[[Transaction, Placement], None]:
    """Returns what writes how a change of the hub key stands."""

    def write(txn: Transaction, placement: Placement) -> None:
        put_object(
            txn,
            hub_key,
            object_id=HUB_KEY_ID,
            time_ns=time_ns(placement),
            sequence=placement.sequence,
        )

    return write


def _expect_phase(hub_key: HubKey, phase: RekeyPhase) -> None:
    if hub_key.phase is not phase:
        raise RonganError(Reason.WRONG_STATE, state=hub_key.phase.name)


def _marks_of_file(call: Call, key_id: int, *, digest: bytes) -> KeyMarks:
    """Makes what the ledger keeps of the key in a file, which must be the one that is meant."""
    hub_keys = call.hub.hub_keys
    try:
        if hmac.compare_digest(hub_keys.digest_of_file(key_id), digest):
            return hub_keys.marks_of_next(key_id, present_id=call.registry.hub_key.key_id)
    except StartRefusedError:
        # Why, the operator sees from the file: it is on the hub's machine.
        pass
    raise malformed("key_digest", "that of the key in the hub's file of this number")


def _message(call: Call, hub_key: HubKey) -> pb.Rekey:
    count = count_values(call.read)
    left = 0
    if hub_key.phase is RekeyPhase.BUILDING:
        left = count
    elif hub_key.phase is RekeyPhase.REWRITING:
        left = min(get_left(call.read), count)
    return pb.Rekey(
        phase=pb.RekeyPhase.ValueType(hub_key.phase),
        old_key_id=hub_key.key_id if hub_key.next_key_id else hub_key.old_key_id,
        key_id=hub_key.next_key_id or hub_key.key_id,
        done_count=count - left,
        value_count=count,
    )
