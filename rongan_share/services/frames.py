"""Contribution frames, read from their messages into columns and checked for form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from rongan_share.ledger.journal import COLUMN_DTYPES
from rongan_share.services.call import (
    RequestBytes,
    Scope,
    column_malformed,
    malformed,
    open_scope,
    read_bytes,
    read_number,
    read_text,
)
from rongan_share.wire.frames import CONTRIBUTE_COLUMNS, MAX_FRAME_ROWS, TOKEN_BYTES
from rongan_share.wire.vocabulary import ProductLine, RowOperation, Suite

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rongan_share.v1.contribution_service_pb2 import ContributeFrame, ContributeOpen

_LEGAL_BASIS_BYTES = 128


class ContributionFrame(msgspec.Struct, frozen=True, kw_only=True):
    """N rows as columns.

    Attributes:
        stream_id: 16 bytes.
        frame_number: From 1.
        suite: How the tokens were made.
        epoch: Under which key.
        next_epoch: Under whose key next tokens were made; 0 = the frame has none.
        consent_named: Whether the stream names a legal basis' reference.
        raw: The columns as sent, by name.
        columns: The same as arrays of N values.
        canonical: Canonical bytes of the whole request, in pieces.
        content: The same less the request's ids; `Call.blind` makes a digest of it.
    """

    stream_id: bytes
    frame_number: int
    suite: Suite
    epoch: int
    next_epoch: int
    consent_named: bool
    raw: dict[str, bytes]
    columns: dict[str, NDArray[Any]]
    canonical: tuple[bytes, ...]
    content: tuple[bytes, ...]

    @property
    def row_count(self) -> int:
        """N."""
        return len(self.raw["operation"])

    @property
    def cost(self) -> int:
        """Rows that are charged: ADD and AMEND."""
        operation = self.columns["operation"]
        return int(np.isin(operation, (RowOperation.ADD, RowOperation.AMEND)).sum())

    @property
    def only_withdraws(self) -> bool:
        """Whether it takes back and does nothing else."""
        return bool((self.columns["operation"] == RowOperation.WITHDRAW).all())

    @property
    def carries_tokens(self) -> bool:
        """Whether any row names a token, so that the epoch matters."""
        return bool(self.raw["token"].strip(b"\x00"))

    @property
    def carries_next_tokens(self) -> bool:
        """Whether any row names a token of the epoch that is opening."""
        return bool(self.raw.get("next_token", b"").strip(b"\x00"))

    def scope(self) -> Scope:
        """Returns what the frame needs of the agreement; taking back is open to everyone."""
        if self.only_withdraws:
            return open_scope(self)
        return Scope(product_line=ProductLine.CONTRIBUTE, suite=self.suite)


def check_open(opening: ContributeOpen) -> None:
    """Checks the first message of Contribute.

    Raises:
        RonganError: REQUEST_MALFORMED, naming the field.
    """
    read_bytes(opening.stream_id, TOKEN_BYTES, "open.stream_id")
    read_number(Suite, opening.suite, "open.suite")
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
        RonganError: REQUEST_MALFORMED or COLUMN_MALFORMED, naming field or column.
    """
    if not frame.frame_number:
        raise malformed("frame.frame_number", "from 1")
    count = len(frame.operation)
    if not 1 <= count <= MAX_FRAME_ROWS:
        raise column_malformed("operation", f"1 to {MAX_FRAME_ROWS} rows")
    raw: dict[str, bytes] = {}
    columns: dict[str, NDArray[Any]] = {}
    for name, width in CONTRIBUTE_COLUMNS:
        content: bytes = getattr(frame, name)
        if name == "next_token" and not opening.next_epoch:
            if content:
                raise column_malformed(name, "empty without open.next_epoch")
            continue
        if len(content) != width * count:
            raise column_malformed(name, f"{width} bytes for each of {count} rows")
        raw[name] = content
        columns[name] = np.frombuffer(content, COLUMN_DTYPES[name])
    sent = RequestBytes.of_frame(opening, frame, ids=("stream_id", "frame_number"))
    return ContributionFrame(
        stream_id=opening.stream_id,
        frame_number=frame.frame_number,
        suite=read_number(Suite, opening.suite, "open.suite"),
        epoch=opening.epoch,
        next_epoch=opening.next_epoch,
        consent_named=bool(opening.legal_basis_ref),
        raw=raw,
        columns=columns,
        canonical=sent.canonical,
        content=sent.content,
    )
