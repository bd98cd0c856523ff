"""The audit entry of an answered item, made in the commit because only it knows time and place."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from rongan_share.audit.entry import GRANTED, Entry
from rongan_share.ledger.committer import Placement, time_ns
from rongan_share.model.partner import HolderKind
from rongan_share.wire.canonical import commitment, encode_fields, nest

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from rongan_share.gate.routes import Route
    from rongan_share.services.call import Call, Outcome

OUTSIDE_ANSWER = ("quota_left", "entry_index", "nonce")
"""Fields of an answer that its canonical bytes leave out."""


class EntryParts(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry is made of.

    Attributes:
        route: The RPC.
        call: The item.
        outcome: Its answer.
        nonce: Opens its commitments.
    """

    route: Route
    call: Call
    outcome: Outcome
    nonce: bytes


def entry_maker(
    parts: EntryParts, *, canonical: tuple[bytes, ...], duration_us: Callable[[], int]
) -> Callable[[Placement], bytes]:
    """Prepares an entry: all hashing that can be done before the commit is done here.

    Args:
        parts: What it is made of.
        canonical: Canonical bytes of the request, in pieces.
        duration_us: Tells the microseconds since receipt.
    """
    route, call, outcome = parts.route, parts.call, parts.outcome
    asked = commitment(parts.nonce, *canonical)
    answered = b"" if outcome.complete else _commit_answer(parts)
    partner = call.caller.kind is HolderKind.PARTNER
    ruling = call.registry.agreements.get(call.caller.caller_id) if partner else None
    disclosure = hashlib.sha256(outcome.disclosure).digest() if outcome.disclosure else b""

    def make(placement: Placement) -> bytes:
        if outcome.complete is not None:
            outcome.complete(outcome.answer, placement)
        return Entry(
            time_ns=time_ns(placement),
            kind=route.audit_kind.value,
            method=route.method,
            caller_kind=call.caller.kind.name.lower(),
            caller_id=call.caller.caller_id,
            serial_hex=call.caller.serial_hex,
            agreement_version=0 if ruling is None else ruling.version,
            purpose=outcome.purpose,
            origin=outcome.origin,
            counts=outcome.counts,
            snapshot_sequence=outcome.snapshot_sequence,
            decision=GRANTED,
            disclosure_digest=disclosure,
            request_commitment=asked,
            answer_commitment=answered or _commit_answer(parts),
            facts=outcome.facts,
            duration_us=duration_us(),
        ).encode()

    return make


def _commit_answer(parts: EntryParts) -> bytes:
    left_out = _left_out(parts.route.secret_fields)
    return commitment(parts.nonce, *_pieces(parts.outcome.answer, left_out))


def _pieces(message: Message, left_out: frozenset[str]) -> list[bytes]:
    """Encodes a message without the fields named, a nested one as `message.field`."""
    nested = {path.partition(".")[0] for path in left_out if "." in path}
    pieces: list[bytes] = []
    for name, piece in encode_fields(message):
        if name in nested:
            within = {path.removeprefix(f"{name}.") for path in left_out if path.startswith(name)}
            number = message.DESCRIPTOR.fields_by_name[name].number
            pieces += nest(number, _pieces(getattr(message, name), frozenset(within)))
        elif name not in left_out:
            pieces.append(piece)
    return pieces


@cache
def _left_out(secret_fields: tuple[str, ...]) -> frozenset[str]:
    return frozenset((*OUTSIDE_ANSWER, *secret_fields))
