"""Old listings and their tokens of the epoch that is opening: rows in, what became of them out.

The hub cannot make the new token of what it holds; only who has the identifiers can. One row that
it refuses, such as one of a listing withdrawn since, refuses its frame: the row is taken out, the
frame goes again under its number, and the answer names what was left out.
"""

from __future__ import annotations

from collections import deque
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from partner_sdk.contributions import FRAME_ROWS, FrameCounts, RowFrame, with_aliases
from partner_sdk.errors import FailedPreconditionError, InvalidRequestError, SdkError
from partner_sdk.streams import SentFrame
from partner_sdk.uploads import MOST_RENEWALS
from rongan_share.v1.contribution_service_pb2 import ContributeFrame, ContributeRequest
from rongan_share.wire.frames import CONTRIBUTE_COLUMNS, MAX_FRAME_ROWS
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.reasons import Reason
from rongan_share.wire.vocabulary import RowFlag, RowOperation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from partner_sdk.own_tokens import OwnTokens
    from partner_sdk.sources.rows import ParsedRow
    from partner_sdk.streams import FrameExchange
    from partner_sdk.uploads import ContributionStream, Terms
    from rongan_share.v1.contribution_service_pb2 import ContributeResponse
    from rongan_share.wire.identifiers import Canonical

PROBE_ROWS = 500
"""Rows of the first frame, and of one after a frame that lost rows: each row that the hub refuses
sends all the others of its frame again."""


MOST_SINGLY = 300
"""Rows that are found out to be refused one by one; then own listings are read, which tells of all
others at once."""

ABSENT = "no live listing of this reference, category and token"
"""Rule of a row that is left out without asking; the hub says the same."""


class NoOpeningEpochError(SdkError):
    """No epoch is opening, or another than the one that these tokens were begun for."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that the hub refused.

    Attributes:
        row: The row.
        rule: The rule that it broke, in the hub's words.
    """

    row: ParsedRow
    rule: str

    @property
    def alias(self) -> bool:
        """Whether it is of an alias of what the file holds."""
        return bool(self.row.flags & RowFlag.ALIAS)


@dataclass(frozen=True, slots=True)
class RetokenAck:
    """Rows that are done.

    Attributes:
        epoch: The epoch that is opening.
        retokened_count: Rows whose listing has its token of that epoch.
        row_count: Rows taken from the source, those left out or repeated included.
        left_out: Rows that the hub refused.
        sequence: The hub-wide number that they were accepted under; 0 = all were left out.
        entry_index: Place of the entry in the hub's audit log; means nothing where that is 0.
    """

    epoch: int
    retokened_count: int
    row_count: int
    left_out: tuple[LeftOut, ...]
    sequence: int
    entry_index: int


def retoken_rows(rows: Iterable[ParsedRow]) -> Iterator[ParsedRow]:
    """Makes of the rows of a contribution those that give its listings their next tokens.

    Aliases follow their records as they do in a contribution. WITHDRAW rows, and AMEND rows that
    name no identifier, have none to give and are passed over. The same rows give the same, always.
    """
    meant = (_retoken_row(row) for row in rows if _has_token(row))
    for _, record in groupby(meant, key=attrgetter("reference")):
        yield from with_aliases(record, FrameCounts())


def _has_token(row: ParsedRow) -> bool:
    return row.canonical is not None and row.operation is not RowOperation.WITHDRAW


def _retoken_row(row: ParsedRow) -> ParsedRow:
    return replace(
        row,
        operation=RowOperation.RETOKEN,
        severity=0,
        evidence=0,
        source_class=0,
        original_source=0,
        legal_basis=0,
        event_day=0,
        expiry_day=0,
        flags=RowFlag(0),
    )


@dataclass(slots=True)
class _Piece:
    """Rows of one frame.

    Attributes:
        rows: Those that are in it still.
        row_count: Rows that were taken from the source for it.
        left_out: Rows that the hub refused.
        message: Its columns, once made.
        number: Its frame number, once sent.
    """

    rows: list[ParsedRow]
    row_count: int
    left_out: list[LeftOut] = field(default_factory=list)
    message: ContributeFrame | None = None
    number: int = 0

    def take_out(self, place: int, rule: str) -> None:
        """Takes a row out of rows and columns."""
        self.left_out.append(LeftOut(self.rows.pop(place), rule))
        if self.message is not None:
            for name, width in CONTRIBUTE_COLUMNS:
                column: bytes = getattr(self.message, name)
                rest = column[: place * width] + column[(place + 1) * width :]
                setattr(self.message, name, rest)

    def keep(self, known: OwnTokens, token_of: Callable[[Canonical], bytes]) -> None:
        """Takes out rows of which there is no listing."""
        kept = []
        for row in self.rows:
            token = token_of(row.canonical) if row.canonical else b""
            if known.has(row.reference, row.category, token):
                kept.append(row)
            else:
                self.left_out.append(LeftOut(row, ABSENT))
        if len(kept) < len(self.rows):
            self.rows, self.message = kept, None

    def send(self, number: int, terms: Terms) -> SentFrame[ContributeRequest]:
        """Makes the message that goes out; tokens are made once."""
        if self.message is None:
            self.message = terms.encode(number, RowFrame(tuple(self.rows)))
        self.number = self.message.frame_number = number
        return SentFrame(number, ContributeRequest(frame=self.message))


class Retokening:
    """RETOKEN rows on their way into one stream, which is new."""

    def __init__(
        self,
        stream: ContributionStream,
        list_own: Callable[[], OwnTokens],
        *,
        frame_rows: int = FRAME_ROWS,
    ) -> None:
        """Begins with nothing sent.

        Args:
            stream: A stream that the hub does not know yet.
            list_own: Asks the hub for the partner's own listings.
            frame_rows: Most rows of a frame, 1 to 16,384.

        Raises:
            MalformedError: `frame_rows` is out of range.
        """
        if not 1 <= frame_rows <= MAX_FRAME_ROWS:
            raise MalformedError("frame_rows", f"1 to {MAX_FRAME_ROWS}")
        self._stream = stream
        self._most = frame_rows
        self._size = min(PROBE_ROWS, frame_rows)
        self._waiting: deque[_Piece] = deque()
        self._taken = 0
        self._epoch = 0
        self._exhausted = False
        self._list_own = list_own
        self._refused = 0
        self._known: OwnTokens | None = None

    def acks(self, rows: Iterable[ParsedRow]) -> Iterator[RetokenAck]:
        """Sends rows; yields what became of them, in order.

        Args:
            rows: As `retoken_rows` makes them.

        Raises:
            NoOpeningEpochError: No epoch is opening, or another than at first.
            HubRefusalError: A frame was refused for more than one of its rows, or the hub stayed
                unreachable.
        """
        source = iter(rows)
        terms = self._terms()
        renewals = 0
        while True:
            try:
                for ack in self._acks_on(terms, source):
                    renewals = 0
                    yield ack
            except FailedPreconditionError as error:
                self._stream.renew(terms, error)
                renewals += 1
                if renewals > MOST_RENEWALS:
                    raise
                terms = self._terms()
            except InvalidRequestError as error:
                self._take_out(error)
                self._learn(terms)
            else:
                if self._exhausted and not self._waiting:
                    return

    def _terms(self) -> Terms:
        terms = self._stream.terms(opening=True)
        if terms.refusal is not None:
            raise terms.refusal
        coming = terms.epoch.next if terms.epoch else None
        if coming is None or self._epoch not in (0, coming.number):
            raise NoOpeningEpochError(
                f"epoch {self._epoch} is not opening any more" if self._epoch else "none is opening"
            )
        self._epoch = coming.number
        return terms

    def _acks_on(self, terms: Terms, source: Iterator[ParsedRow]) -> Iterator[RetokenAck]:
        yield from self._emptied()
        exchange: FrameExchange[ContributeRequest, ContributeResponse] = self._stream.exchange(
            self._sent(source, terms), terms
        )
        with closing(exchange.answers()) as answers:
            for sent, answer in answers:
                for frame in sent:
                    piece = self._waiting.popleft()
                    self._taken = frame.number
                    yield self._ack(piece, answer.sequence, answer.entry_index)
                yield from self._emptied()

    def _sent(
        self, source: Iterator[ParsedRow], terms: Terms
    ) -> Iterator[SentFrame[ContributeRequest]]:
        number = self._taken
        for piece in tuple(self._waiting):
            if piece.rows:
                number += 1
                yield piece.send(number, terms)
        while (drawn := self._draw(source, terms)) is not None:
            self._waiting.append(drawn)
            if not drawn.rows:
                # Nothing to send, but something to tell.
                return
            number += 1
            yield drawn.send(number, terms)

    def _draw(self, source: Iterator[ParsedRow], terms: Terms) -> _Piece | None:
        """Takes the rows of the next frame, each identity once: the hub refuses it twice in one."""
        kept: dict[tuple[bytes, int, str], ParsedRow] = {}
        count = 0
        for row in source:
            count += 1
            text = row.canonical.text if row.canonical else ""
            kept.setdefault((row.reference, row.category, text), row)
            if len(kept) == self._size:
                break
        self._exhausted = not count
        piece = _Piece(list(kept.values()), count)
        self._sift(piece, terms)
        return piece if count else None

    def _learn(self, terms: Terms) -> None:
        """Reads own listings once so many rows were refused that it is worth while."""
        self._refused += 1
        if self._refused == MOST_SINGLY:
            self._known = self._list_own()
            for piece in self._waiting:
                self._sift(piece, terms)

    def _sift(self, piece: _Piece, terms: Terms) -> None:
        if self._known is not None and terms.epoch is not None:
            piece.keep(self._known, terms.epoch.tokenizer.token)

    def _emptied(self) -> Iterator[RetokenAck]:
        """Yields what is left of frames of which the hub took no row."""
        while self._waiting and not self._waiting[0].rows:
            yield self._ack(self._waiting.popleft(), 0, 0)

    def _ack(self, piece: _Piece, sequence: int, entry_index: int) -> RetokenAck:
        grown = PROBE_ROWS if piece.left_out else 2 * self._size
        self._size = min(grown, self._most)
        return RetokenAck(
            epoch=self._epoch,
            retokened_count=len(piece.rows),
            row_count=piece.row_count,
            left_out=tuple(piece.left_out),
            sequence=sequence,
            entry_index=entry_index,
        )

    def _take_out(self, error: InvalidRequestError) -> None:
        """Takes the row out that a refusal names.

        Raises:
            InvalidRequestError: It names none.
        """
        number, row = error.metadata.get("frameNumber", ""), error.metadata.get("row", "")
        piece = next((p for p in self._waiting if p.rows and str(p.number) == number), None)
        named = piece is not None and row.isdecimal() and int(row) < len(piece.rows)
        if piece is None or not named or error.reason is not Reason.ROW_REFUSED:
            raise error
        piece.take_out(int(row), error.metadata.get("rule", ""))
