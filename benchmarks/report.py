"""Results: medians of interleaved runs, as a table for people and as JSON lines for programs."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.aims import AIMS

if TYPE_CHECKING:
    from benchmarks.world import World

_HEADINGS = (
    "row",
    "value",
    "floor",
    "aim",
    "reached",
    "unit",
    "peer",
    "peer value",
    "runs",
    "note",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One row.

    Attributes:
        name: The row; with `_vs_` in it the value is a ratio.
        value: What was measured; None for a row that could not be, or that is void.
        unit: Its unit.
        peer: What it was compared with; empty for none.
        peer_value: What the peer reached, in the unit of the measurement behind the ratio.
        runs: How many runs the medians are of.
        note: What a reader should know.
    """

    name: str
    value: float | None
    unit: str
    peer: str = ""
    peer_value: float | None = None
    runs: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """Rows that are measured together.

    Attributes:
        names: The rows.
        measure: Measures them in a world.
    """

    names: tuple[str, ...]
    measure: Callable[[World], list[Result]]


def ratio(
    name: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    peer: str,
    unit: str = "/s",
    note: str = "",
) -> Result:
    """Makes the row of a comparison from runs of both sides, in the order they were made."""
    own, peer_value = statistics.median(ours), statistics.median(theirs)
    spread = f"ours {short(own)}{unit} ({spread_of(ours)}), peer {spread_of(theirs)}"
    return Result(
        name=name,
        value=own / peer_value,
        unit="ratio",
        peer=peer,
        peer_value=peer_value,
        runs=len(ours),
        note="; ".join(filter(None, (spread, note))),
    )


def interleave(
    runs: int, ours: Callable[[], float], theirs: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """Runs both sides in turn, so that a slow minute of the machine meets both."""
    own: list[float] = []
    peer: list[float] = []
    for _ in range(runs):
        own.append(ours())
        peer.append(theirs())
    return own, peer


def median_of(
    name: str, runs: Sequence[float], *, unit: str, peer: str = "", note: str = ""
) -> Result:
    """Makes the row of runs that are compared with nothing, or are comparisons already."""
    return Result(
        name=name,
        value=statistics.median(runs),
        unit=unit,
        peer=peer,
        runs=len(runs),
        note="; ".join(filter(None, (spread_of(runs), note))),
    )


def json_line(result: Result) -> str:
    """Returns a result as one line of JSON."""
    return json.dumps(
        {
            "name": result.name,
            "value": _rounded(result.value),
            "unit": result.unit,
            "peer": result.peer or None,
            "peer_value": _rounded(result.peer_value),
            "runs": result.runs,
        }
    )


def table(results: Sequence[Result]) -> str:
    """Returns results as columns of text."""
    rows = [_HEADINGS, *(_cells(result) for result in results)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _cells(result: Result) -> tuple[str, ...]:
    aim, value = AIMS.get(result.name), result.value
    return (
        result.name,
        "-" if value is None else short(value),
        "-" if aim is None else short(aim.floor),
        "-" if aim is None else short(aim.aim),
        "-" if aim is None or value is None else aim.verdict(value),
        result.unit,
        result.peer or "-",
        "-" if result.peer_value is None else short(result.peer_value),
        str(result.runs),
        result.note,
    )


def spread_of(rates: Sequence[float]) -> str:
    """Returns the lowest and the highest of some runs."""
    return f"{short(min(rates))} to {short(max(rates))}"


def short(value: float) -> str:
    """Returns a figure in three digits."""
    for limit, unit in ((1e6, "M"), (1e4, "k")):
        if value >= limit:
            return f"{value / (1e6 if unit == 'M' else 1e3):.3g} {unit}"
    return f"{value:.3g}" if value < 1_000 else f"{value:.0f}"  # noqa: PLR2004 - four digits are short


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
