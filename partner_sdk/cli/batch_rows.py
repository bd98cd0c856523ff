"""Subjects of a batch file on their way into frames, and back to the answers that are theirs."""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from partner_sdk.cli.batch_subjects import SUBJECT_COLUMN, AskedSubject, subjects_of
from partner_sdk.columns import Frame
from partner_sdk.sources.csv_file import Record, read_records
from partner_sdk.sources.rows import RowsRefusedError
from rongan_share.wire.frames import TOKEN_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from partner_sdk.columns import FrameMaker
    from rongan_share.wire.tokens import Tokenizer

_KNOWN = ("type", "value", "business_ref", SUBJECT_COLUMN)
_MANDATORY = ("type", "value")
_NO_REFERENCE = bytes(TOKEN_BYTES)


@dataclass(slots=True)
class Chunk:
    """Subjects of one frame, with the malformed ones that stand between them.

    Attributes:
        subjects: In the order of the file.
        token_count: Tokens of all of them.
    """

    subjects: list[AskedSubject] = field(default_factory=list)
    token_count: int = 0

    def add(self, subject: AskedSubject) -> None:
        """Adds a subject."""
        self.subjects.append(subject)
        self.token_count += len(subject.canonicals)

    def to_frame(self, tokenizer: Tokenizer) -> Frame:
        """Makes the frame with tokens of one epoch."""
        asked = [subject for subject in self.subjects if subject.canonicals]
        canonicals = [canonical for subject in asked for canonical in subject.canonicals]
        references = b"".join(subject.business_ref or _NO_REFERENCE for subject in asked)
        return Frame(
            tokens=tokenizer.tokens(canonical.text for canonical in canonicals),
            types=bytes(canonical.type for canonical in canonicals),
            business_refs=references if references.strip(b"\0") else b"",
            subject_end=_ends(asked) if len(canonicals) > len(asked) else (),
        )


class AskedRows:
    """Reads a file into frames and keeps the rows that wait for their answer.

    Attributes:
        has_subjects: Whether the file names subjects; known with its first row.
    """

    def __init__(self, file: Path, *, most_tokens: int) -> None:
        self.has_subjects = False
        self._file = file
        self._most_tokens = most_tokens
        self._waiting: deque[Chunk] = deque()
        self._rest = Chunk()

    def frames(self) -> Iterator[FrameMaker]:
        """Yields frames of at most so many tokens, and of whole subjects, for any epoch."""
        chunk = Chunk()
        for subject in subjects_of(self._records()):
            size = len(subject.canonicals)
            if chunk.token_count and chunk.token_count + size > self._most_tokens:
                self._waiting.append(chunk)
                yield chunk.to_frame
                chunk = Chunk()
            chunk.add(subject)
        if chunk.token_count:
            self._waiting.append(chunk)
            yield chunk.to_frame
        else:
            self._rest = chunk

    def take(self) -> Chunk:
        """Takes the rows of the oldest frame that waits for its answer."""
        return self._waiting.popleft()

    def rest(self) -> Chunk:
        """Gives the rows at the end of the file of which none could be asked about."""
        return self._rest

    def _records(self) -> Iterator[Record]:
        records = read_records(self._file, known=_KNOWN, mandatory=_MANDATORY, lenient=True)
        for record in records:
            self.has_subjects = SUBJECT_COLUMN in record.cells
            # Nobody knows which subject the line is of, and one that lacks it would look whole.
            if record.problem and self.has_subjects:
                raise RowsRefusedError.at(record.line, "", record.problem)
            yield record


def _ends(subjects: list[AskedSubject]) -> tuple[int, ...]:
    ends = array("I")
    end = 0
    for subject in subjects:
        end += len(subject.canonicals)
        ends.append(end)
    return tuple(ends)
