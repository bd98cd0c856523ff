"""Curves of what a hub costs against how many listings it holds, as an SVG file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from benchmarks.report import short

if TYPE_CHECKING:
    from pathlib import Path

CURVES = "sizes.svg"
_SVG, _FONT = "http://www.w3.org/2000/svg", 'font-family="sans-serif" font-size="12"'
_PANEL, _HIGH, _EDGE, _COLUMNS = 300, 190, 46, 3
_COLOUR = "#1565c0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What was measured at one size; the names say the units.

    Attributes:
        listings: How many were imported.
        import_rows_per_s: By packed columns, columns and commit included.
        freeze_s: New columns of everything, by the keeper while the hub serves.
        sparse_per_s: Tokens a second of which 0.1 % are listed.
        sparse_beside_freeze_per_s: The same while new columns are made.
        listed_per_s: Tokens a second that are all listed.
        worker_rss_mb: What a worker holds of its own.
        mapped_mb: Mapped files that it has in memory beside that.
        disk_bytes_per_listing: Journal, log and columns.
        journal_bytes_per_listing: Journal and log.
        restart_s: From the start after kill -9 to the first verdict.
    """

    listings: int
    import_rows_per_s: float
    freeze_s: float
    sparse_per_s: float
    sparse_beside_freeze_per_s: float
    listed_per_s: float
    worker_rss_mb: float
    mapped_mb: float
    disk_bytes_per_listing: float
    journal_bytes_per_listing: float
    restart_s: float

    def rounded(self) -> dict[str, float]:
        """Returns it for a line of JSON."""
        return {name: float(f"{value:.4g}") for name, value in asdict(self).items()}


_TITLES = {
    "sparse_per_s": "tokens a second, 0.1 % listed",
    "listed_per_s": "tokens a second, all listed",
    "import_rows_per_s": "imported rows a second",
    "freeze_s": "new columns while serving, s",
    "restart_s": "kill -9 to first verdict, s",
    "worker_rss_mb": "a worker's own memory, MB",
}


def write_curves(folder: Path, points: Sequence[Point]) -> None:
    """Draws a panel for each cost: size from left to right on a log scale, each axis from zero."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = math.ceil(len(_TITLES) / _COLUMNS)
    width, height = _PANEL * _COLUMNS, _HIGH * rows
    lines = [
        f'<svg xmlns="{_SVG}" width="{width}" height="{height}" {_FONT}>',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for place, (name, title) in enumerate(_TITLES.items()):
        x, y = place % _COLUMNS * _PANEL, place // _COLUMNS * _HIGH
        lines.append(f'<g transform="translate({x},{y})">')
        lines += _panel(title, [(point.listings, getattr(point, name)) for point in points])
        lines.append("</g>")
    lines.append("</svg>")
    (folder / CURVES).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _panel(title: str, values: Sequence[tuple[int, float]]) -> Iterator[str]:
    low, high = math.log10(values[0][0]), math.log10(values[-1][0])
    most = max(value for _, value in values) * 1.2 or 1.0
    right, bottom = _PANEL - 30, _HIGH - 32

    def at(listings: int, value: float) -> tuple[float, float]:
        share = (math.log10(listings) - low) / ((high - low) or 1.0)
        return _EDGE + share * (right - _EDGE), bottom - value / most * (bottom - 30)

    yield _text(_PANEL / 2, 16, title)
    yield f'<path d="M{_EDGE},26 V{bottom} H{right}" fill="none" stroke="#888"/>'
    places = [at(*pair) for pair in values]
    line = " L".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield f'<path d="M{line}" fill="none" stroke="{_COLOUR}" stroke-width="2"/>'
    for (listings, value), (x, y) in zip(values, places, strict=True):
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_COLOUR}"/>'
        yield _text(x, y - 8, short(value))
        yield _text(x, bottom + 16, short(listings))


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{escape(text)}</text>'
