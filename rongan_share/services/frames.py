"""Contribution frames, read from their messages into columns and checked for form."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rongan_share.ledger.journal import COLUMN_DTYPES
from rongan_share.services.call import (
    Scope,
    column_malformed,
    malformed,
    read_bytes,
    read_number,
    read_text,
    refuse_unserved,
)
from rongan_share.wire.canonical import encode_bytes, encode_message
from rongan_share.wire.frames import CONTRIBUTE_COLUMNS, MAX_FRAME_ROWS, TOKEN_BYTES
from rongan_share.wire.vocabulary import ProductLine, RowOperation, Suite

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rongan_share.v1.contribution_service_pb2 import ContributeFrame, ContributeOpen

_LEGAL_BASIS_BYTES = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributionFrame:
    """N rows as columns.

    Attributes:
        stream_id: 16 bytes.
        frame_number: From 1.
        suite: How the tokens were made.
        epoch: Under which key.
        consent_named: Whether the stream names a legal basis' reference.
        raw: The columns as sent, by name.
        columns: The same as arrays of N values.
        canonical: Canonical bytes of the whole request.
        digest: SHA-256 of the canonical request less its ids.
    """

    stream_id: bytes
    frame_number: int
    suite: Suite
    epoch: int
    consent_named: bool
    raw: dict[str, bytes]
    columns: dict[str, NDArray[Any]]
    canonical: bytes
    digest: bytes

    @property
    def row_count(self) -> int:
        """N."""
        return len(self.raw["operation"])

    @property
    def cost(self) -> int:
        """Rows that are charged: ADD and AMEND."""
        return int(np.count_nonzero(self.columns["operation"] != RowOperation.WITHDRAW))

    @property
    def carries_tokens(self) -> bool:
        """Whether any row names a token, so that the epoch matters."""
        return bool(self.raw["token"].strip(b"\x00"))

    def scope(self) -> Scope:
        """Returns what the frame needs of the agreement; taking back is open to everyone."""
        if not self.cost:
            return Scope(agreement_needed=False, open_to_suspended=True)
        return Scope(product_line=ProductLine.CONTRIBUTE, suite=self.suite)


def check_open(opening: ContributeOpen) -> None:
    """Checks the first message of Contribute.

    Raises:
        RonganError: REQUEST_MALFORMED or FIELD_NOT_SERVED, naming the field.
    """
    read_bytes(opening.stream_id, TOKEN_BYTES, "open.stream_id")
    read_number(Suite, opening.suite, "open.suite")
    refuse_unserved(opening, ("next_epoch",), "open.")
    if opening.legal_basis_ref:
        read_text(
            opening.legal_basis_ref,
            "open.legal_basis_ref",
            least=1,
            most=_LEGAL_BASIS_BYTES,
            most_bytes=_LEGAL_BASIS_BYTES,
        )


def read_frame(opening: ContributeOpen, frame: ContributeFrame) -> ContributionFrame:
    """Reads a frame.

    Raises:
        RonganError: REQUEST_MALFORMED, COLUMN_MALFORMED or FIELD_NOT_SERVED, naming field or
        column.
    """
    if not frame.frame_number:
        raise malformed("frame.frame_number", "from 1")
    refuse_unserved(frame, ("next_token",), "frame.")
    count = len(frame.operation)
    if not 1 <= count <= MAX_FRAME_ROWS:
        raise column_malformed("operation", f"1 to {MAX_FRAME_ROWS} rows")
    raw: dict[str, bytes] = {}
    columns: dict[str, NDArray[Any]] = {}
    for name, width in CONTRIBUTE_COLUMNS:
        if name == "next_token":
            continue
        content: bytes = getattr(frame, name)
        if len(content) != width * count:
            raise column_malformed(name, f"{width} bytes for each of {count} rows")
        raw[name] = content
        columns[name] = np.frombuffer(content, COLUMN_DTYPES[name])
    terms = encode_message(opening, skip=("stream_id",))
    content_less_number = encode_message(frame, skip=("frame_number",))
    canonical = encode_bytes(1, encode_message(opening)) + encode_bytes(2, encode_message(frame))
    return ContributionFrame(
        stream_id=opening.stream_id,
        frame_number=frame.frame_number,
        suite=read_number(Suite, opening.suite, "open.suite"),
        epoch=opening.epoch,
        consent_named=bool(opening.legal_basis_ref),
        raw=raw,
        columns=columns,
        canonical=canonical,
        digest=hashlib.sha256(
            encode_bytes(1, terms) + encode_bytes(2, content_less_number)
        ).digest(),
    )
