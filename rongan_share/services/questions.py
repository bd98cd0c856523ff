"""Questions about tokens, read and checked once; both verdict RPCs become one noun."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from rongan_share.services.call import (
    RequestBytes,
    Scope,
    column_malformed,
    malformed,
    read_bytes,
    read_number,
    read_text,
)
from rongan_share.wire.canonical import encode_message
from rongan_share.wire.frames import MAX_FRAME_TOKENS, MAX_SUBJECT_TOKENS, TOKEN_BYTES
from rongan_share.wire.vocabulary import (
    Channel,
    DetailLevel,
    IdentifierType,
    ProductLine,
    Purpose,
    Suite,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rongan_share.v1.verdict_service_pb2 import (
        CheckSubjectRequest,
        Origin,
        VerdictFrame,
        VerdictOpen,
    )

_ORIGIN_FIELDS = ("branch_code", "staff_ref", "system", "authorization_ref")
_ORIGIN_BYTES = 64

_KNOWN_TYPES = bytes(IdentifierType)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """On what terms a question is asked.

    Attributes:
        purpose: Why.
        channel: Where.
        category_bits: Categories asked; 0 all that the agreement shows.
        source_class_bits: Source classes asked; 0 all that the agreement shows.
        suite: How the tokens were made.
        epoch: Under which key.
        detail_level: How much to show.
        origin: Canonical bytes of who asks at the partner.
        at_least_sequence: What the answer must know.
    """

    purpose: Purpose
    channel: Channel
    category_bits: int
    source_class_bits: int
    suite: Suite
    epoch: int
    detail_level: DetailLevel
    origin: bytes
    at_least_sequence: int


class VerdictQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked about N tokens.

    Attributes:
        terms: On what terms.
        batch_id: With the number, makes a repeated question known.
        frame_number: Number within the batch; 0 for CheckSubject.
        tokens: N x 16 bytes.
        types: N type bytes, or None if none were declared.
        subject_end: Index after each subject's last token, or None if every token is its own
            subject.
        business_refs: 16 bytes for each token or subject, or empty.
        canonical: Canonical bytes of the whole request, in pieces.
        content: The same less the request's ids; `Call.blind` makes a digest of it.
    """

    terms: Terms
    batch_id: bytes
    frame_number: int
    tokens: bytes
    types: NDArray[np.uint8] | None
    subject_end: NDArray[np.uint32] | None
    business_refs: bytes
    canonical: tuple[bytes, ...]
    content: tuple[bytes, ...]

    @property
    def token_count(self) -> int:
        """N."""
        return len(self.tokens) // TOKEN_BYTES

    def scope(self) -> Scope:
        """Returns what the question needs of the agreement."""
        return _scope_of(self.terms)


def stream_scope(opening: VerdictOpen | None) -> Scope:
    """Returns what every frame of a stream needs of the agreement, by its first message."""
    return Scope() if opening is None else _scope_of(_read_terms(opening, "open."))


def _scope_of(terms: Terms) -> Scope:
    batch = terms.channel is Channel.BATCH
    return Scope(
        purpose=terms.purpose,
        channel=terms.channel,
        product_line=ProductLine.BATCH if batch else ProductLine.SCREEN,
        detail_level=terms.detail_level,
        suite=terms.suite,
    )


def read_check(request: CheckSubjectRequest) -> VerdictQuestion:
    """Reads a question about one subject.

    Raises:
        RonganError: REQUEST_MALFORMED or COLUMN_MALFORMED, naming the field.
    """
    count = _count_tokens(request.tokens, MAX_SUBJECT_TOKENS)
    if request.business_ref:
        read_bytes(request.business_ref, TOKEN_BYTES, "business_ref")
    sent = RequestBytes.of(request, ids=("request_id",))
    return VerdictQuestion(
        terms=_read_terms(request, ""),
        batch_id=read_bytes(request.request_id, TOKEN_BYTES, "request_id"),
        frame_number=0,
        tokens=request.tokens,
        types=_read_types(request.types, count),
        subject_end=np.array([count], np.uint32),
        business_refs=request.business_ref,
        canonical=sent.canonical,
        content=sent.content,
    )


def check_open(opening: VerdictOpen) -> None:
    """Checks the first message of StreamVerdicts.

    Raises:
        RonganError: REQUEST_MALFORMED, naming the field.
    """
    _read_terms(opening, "open.")
    read_bytes(opening.batch_id, TOKEN_BYTES, "open.batch_id")
    if opening.type:
        read_number(IdentifierType, opening.type, "open.type")


def read_frame(opening: VerdictOpen, frame: VerdictFrame) -> VerdictQuestion:
    """Reads a question of many tokens.

    Raises:
        RonganError: REQUEST_MALFORMED or COLUMN_MALFORMED, naming the field.
    """
    sent = RequestBytes.of_frame(opening, frame, ids=("batch_id", "frame_number"))
    tokens = sent.columns.get("tokens") or frame.tokens
    count = _count_tokens(tokens, MAX_FRAME_TOKENS)
    if not frame.frame_number:
        raise malformed("frame.frame_number", "from 1")
    if frame.types and opening.type:
        raise column_malformed("types", "empty where open.type is set")
    types = _read_types(frame.types, count)
    if opening.type:
        types = np.full(count, opening.type, np.uint8)
    subject_end = _read_subjects(frame.subject_end, count)
    subjects = count if subject_end is None else subject_end.size
    if len(frame.business_ref) not in (0, TOKEN_BYTES * subjects):
        raise column_malformed("business_ref", "16 bytes for each subject, or empty")
    return VerdictQuestion(
        terms=_read_terms(opening, "open."),
        batch_id=opening.batch_id,
        frame_number=frame.frame_number,
        tokens=tokens,
        types=types,
        subject_end=subject_end,
        business_refs=frame.business_ref,
        canonical=sent.canonical,
        content=sent.content,
    )


def _read_terms(message: CheckSubjectRequest | VerdictOpen, prefix: str) -> Terms:
    """Reads the fields that both RPCs share."""
    detail = read_number(DetailLevel, message.detail_level, prefix + "detail_level")
    if detail is DetailLevel.VERDICT and message.category_bits:
        raise malformed(prefix + "category_bits", "none at detail VERDICT")
    return Terms(
        purpose=read_number(Purpose, message.purpose, prefix + "purpose"),
        channel=read_number(Channel, message.channel, prefix + "channel"),
        category_bits=message.category_bits,
        source_class_bits=message.source_class_bits,
        suite=read_number(Suite, message.suite, prefix + "suite"),
        epoch=message.epoch,
        detail_level=detail,
        origin=_read_origin(message.origin, prefix + "origin.")
        if message.HasField("origin")
        else b"",
        at_least_sequence=message.at_least_sequence,
    )


def _read_origin(origin: Origin, prefix: str) -> bytes:
    for name in _ORIGIN_FIELDS:
        value = getattr(origin, name)
        if value:
            read_text(value, prefix + name, least=1, most=_ORIGIN_BYTES, most_bytes=_ORIGIN_BYTES)
    return encode_message(origin)


def _count_tokens(tokens: bytes, most: int) -> int:
    count, rest = divmod(len(tokens), TOKEN_BYTES)
    if rest:
        raise column_malformed("tokens", f"a multiple of {TOKEN_BYTES} bytes")
    if not 1 <= count <= most:
        raise column_malformed("tokens", f"1 to {most} tokens")
    return count


def _read_types(types: bytes, count: int) -> NDArray[np.uint8] | None:
    if not types:
        return None
    if len(types) != count:
        raise column_malformed("types", "one byte for each token, or empty")
    if types.translate(None, _KNOWN_TYPES):
        raise column_malformed("types", "known identifier types")
    return np.frombuffer(types, np.uint8)


def _read_subjects(subject_end: bytes, count: int) -> NDArray[np.uint32] | None:
    if not subject_end:
        return None
    if len(subject_end) % 4:
        raise column_malformed("subject_end", "a multiple of 4 bytes")
    ends = np.frombuffer(subject_end, "<u4")
    sizes = np.diff(ends.astype(np.int64), prepend=0)
    if ends[-1] != count or sizes.min() < 1 or sizes.max() > MAX_SUBJECT_TOKENS:
        raise column_malformed("subject_end", "ascending, 1 to 16 tokens a subject, the last one N")
    return ends
