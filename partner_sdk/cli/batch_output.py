"""What ``rongan batch`` writes for each row, and what it counts on the way."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from partner_sdk.cli.check import flag_names
from rongan_share.wire.frames import OTHER_INDETERMINATE, OTHER_NOT_ENTITLED_COVERAGE
from rongan_share.wire.vocabulary import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from partner_sdk.cli.batch_rows import Chunk
    from partner_sdk.cli.batch_subjects import AskedRow, AskedSubject
    from partner_sdk.columns import FrameAnswer, SubjectAnswer

COLUMNS = (
    "row",
    "line",
    "type",
    "state",
    "severity",
    "confidence",
    "categories",
    "expiry_date",
    "flags",
    "note",
    "business_ref",
    "consulted",
    "consulted_sources",
)
"""Columns of the output. Of the input it repeats ``business_ref`` alone, never a value.

``line`` is the line of the input. The last two say what a LISTED or NOT_LISTED row was looked up
in: categories and source classes, joined by ``+``. NOT_LISTED says nothing of any other.
"""

SUBJECT_COLUMNS = ("subject_state", "subject_severity", "subject_matched")
"""Further columns where the file names subjects, the same in each row of one."""

MALFORMED = "MALFORMED"
"""State of what is no identifier. It was not asked about; it is never NOT_LISTED."""

_LOOKED_UP = (State.LISTED, State.NOT_LISTED)

Cells = tuple[object, ...]


@dataclass(slots=True)
class Tally:
    """What a file came to.

    Attributes:
        rows: Rows by state.
        categories: LISTED rows by category code.
        subjects: Subjects by state; of files that name subjects only.
        labels: Hashes of the names of subjects: the names themselves are not kept.
        apart: Subjects whose name another one had before, with other rows between them.
    """

    rows: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    subjects: Counter[str] = field(default_factory=Counter)
    labels: set[int] = field(default_factory=set)
    apart: int = 0

    @property
    def distinct_subjects(self) -> int:
        """How many subjects there are by name; a row without one is its own."""
        return sum(self.subjects.values()) - self.apart

    def count_subject(self, label: str, state: str) -> None:
        """Counts a subject."""
        self.subjects[state] += 1
        if label:
            self.apart += hash(label) in self.labels
            self.labels.add(hash(label))


class OutputRows:
    """Writes the rows of the output and counts what they say."""

    def __init__(self, opened: TextIO) -> None:
        self.tally = Tally()
        self._writer = csv.writer(opened)
        self._begun = False
        self._consulted: tuple[str, str] = ("", "")

    def write(self, chunk: Chunk, answer: FrameAnswer | None, *, has_subjects: bool) -> None:
        """Writes the rows of a frame, the header before the first.

        Args:
            chunk: The rows.
            answer: What the hub said of those that are not malformed; None = there are none.
            has_subjects: Whether the file names subjects.
        """
        if not self._begun:
            self._writer.writerow((*COLUMNS, *SUBJECT_COLUMNS) if has_subjects else COLUMNS)
            self._begun = True
        self._consulted = _consulted(answer)
        asked_count = first_token = 0
        for subject in chunk.subjects:
            said = None
            if subject.canonicals and answer is not None:
                said = answer.subject(asked_count)
                asked_count += 1
            end = _subject_cells(subject, said) if has_subjects else ()
            if has_subjects:
                self.tally.count_subject(subject.label, str(end[0]))
            for row, told in _told(subject, said, answer, first_token=first_token):
                self._write_row(row, told, end)
            first_token += len(subject.canonicals)

    def _write_row(self, row: AskedRow, told: SubjectAnswer | None, end: Cells) -> None:
        state = MALFORMED if told is None else told.state.name
        self.tally.rows[state] += 1
        if told is not None and told.summary is not None:
            self.tally.categories.update(told.summary.categories)
        cells = _verdict_cells(told) if told is not None else ("",) * 5
        note = "; ".join(filter(None, (_note(told) if told else row.problem, row.doubt)))
        looked_up = told is not None and told.state in _LOOKED_UP
        scope = self._consulted if looked_up else ("", "")
        begin = (row.number, row.line, row.type_name, state)
        self._writer.writerow((*begin, *cells, note, row.business_ref_text, *scope, *end))


def _consulted(answer: FrameAnswer | None) -> tuple[str, str]:
    if answer is None:
        return "", ""
    names = (source.name for source in answer.coverage.source_classes)
    return "+".join(answer.coverage.categories), "+".join(names)


def _told(
    subject: AskedSubject,
    said: SubjectAnswer | None,
    answer: FrameAnswer | None,
    *,
    first_token: int,
) -> Iterator[tuple[AskedRow, SubjectAnswer | None]]:
    """Yields each row of a subject with what is said of its own identifier."""
    for row in subject.rows:
        if row.problem or answer is None:
            yield row, None
        elif len(subject.rows) == 1:
            yield row, said
        else:
            tokens = [first_token + place for place in subject.places_of(row)]
            yield row, answer.identifier(tokens)


def _subject_cells(subject: AskedSubject, said: SubjectAnswer | None) -> Cells:
    """Says what is known of a subject; with a row not asked about, only a hit is certain."""
    if said is None or not (subject.whole or said.state is State.LISTED):
        return MALFORMED, "", ""
    severity = said.summary.severity if said.summary is not None else ""
    return said.state.name, severity, said.matched_count or ""


def _verdict_cells(said: SubjectAnswer) -> Cells:
    summary = said.summary
    if summary is None:
        return "", "", "", "", ""
    return (
        summary.severity,
        summary.confidence or "",
        "+".join(summary.categories),
        summary.expiry_date or "",
        "+".join(flag_names(summary.flags)),
    )


def _note(said: SubjectAnswer) -> str:
    if said.state is State.NOT_ENTITLED:
        by_coverage = said.other_state == OTHER_NOT_ENTITLED_COVERAGE
        return "coverage" if by_coverage else "type"
    if said.state is State.INDETERMINATE:
        return f"reason {said.other_state - OTHER_INDETERMINATE}"
    return ""
