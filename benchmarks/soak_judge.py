"""What a soak must show: memory and descriptors stay flat, files grow by what was written. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import linear_regression, median

WARM_SHARE = 0.25
"""The first part of a soak is not judged: caches fill, and threads are made."""

MEMORY_BYTES_PER_HOUR = 24e6
"""Memory may grow by so much an hour, besides what rows not frozen yet take."""

MEMORY_BYTES = 12e6
"""And by so much in all: what a short soak cannot tell from noise."""

ROW_MEMORY_BYTES = 150
"""What a row takes in a worker until the next freeze."""

ENTRY_BYTES = 1_000
ROW_BYTES = 100
"""What an entry, with nonce and kept question, and a row take on disk at most."""

FILE_BYTES = 16e6
"""What files may take besides: pages that LMDB has freed and not used again."""

DESCRIPTORS = 6
"""Descriptors come and go by so many with connections and files of columns."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The hub at one moment.

    Attributes:
        seconds: Since the start.
        memory: Bytes of its own, by process; mapped files are not counted.
        descriptors: Open ones, by process.
        file_bytes: Of the journal and the log, blocks on disk.
        column_bytes: Of frozen columns.
        rows: Contributed since the start.
        entries: Operations answered since the start, each of which left an entry.
    """

    seconds: float
    memory: dict[str, int]
    descriptors: dict[str, int]
    file_bytes: int
    column_bytes: int = 0
    rows: int = 0
    entries: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was judged.

    Attributes:
        name: What.
        value: What was seen.
        bound: What it may be at most.
        unit: Of both.
    """

    name: str
    value: float
    bound: float
    unit: str = field(default="bytes")

    @property
    def good(self) -> bool:
        """Whether it is within its bound."""
        return self.value <= self.bound


def judge(samples: Sequence[Sample]) -> list[Finding]:
    """Judges a soak by the slopes of what was sampled after its first part.

    Args:
        samples: In order, four at least.

    Raises:
        ValueError: There are too few.
    """
    judged = [each for each in samples if each.seconds >= samples[-1].seconds * WARM_SHARE]
    if len(judged) < 3:  # noqa: PLR2004 - a slope of two points is no slope
        raise ValueError("too short to be judged")
    first, last = judged[0], judged[-1]
    hours = (last.seconds - first.seconds) / 3_600
    rows, entries = last.rows - first.rows, last.entries - first.entries
    findings = []
    for name in sorted(first.memory.keys() & last.memory.keys()):
        grown = _grown(judged, [each.memory[name] for each in judged])
        allowed = MEMORY_BYTES + hours * MEMORY_BYTES_PER_HOUR
        if name.startswith("worker"):
            allowed += rows * ROW_MEMORY_BYTES
        findings.append(Finding(f"{name} memory grown", grown, allowed))
        opened = median(each.descriptors[name] for each in judged[-3:])
        before = median(each.descriptors[name] for each in judged[:3])
        findings.append(Finding(f"{name} descriptors more", opened - before, DESCRIPTORS, "open"))
    grown = last.file_bytes - first.file_bytes
    allowed = FILE_BYTES + rows * ROW_BYTES + entries * ENTRY_BYTES
    findings.append(Finding("journal and log grown", grown, allowed))
    return findings


def _grown(samples: Sequence[Sample], values: Sequence[int]) -> float:
    """Returns by how much values grew, by the slope of all of them."""
    times = [each.seconds for each in samples]
    return linear_regression(times, values).slope * (times[-1] - times[0])
