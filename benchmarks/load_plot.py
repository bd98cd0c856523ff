"""Latencies of a load as an SVG file: how long so many percent of the answers took at most."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.load_run import Tally

_WIDTH, _HEIGHT, _LEFT, _TOP = 640, 320, 60, 30
_SVG, _FONT = "http://www.w3.org/2000/svg", 'font-family="sans-serif" font-size="12"'
_PERCENTS = (0.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99)
_MARKS = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99)
_COLOURS = ("#1565c0", "#2e7d32", "#c62828")
_LEAST, _MOST = 0.1, 10_000.0
_NINES = 4.0


def write_latencies(path: Path, tallies: Mapping[str, Tally]) -> None:
    """Draws a line for each kind: percentiles to the right, milliseconds upwards, by powers."""
    size = f'width="{_WIDTH + _LEFT + 20}" height="{_HEIGHT + 2 * _TOP}"'
    lines = [
        f'<svg xmlns="{_SVG}" {size} {_FONT}>',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    lines += _axes()
    for place, (name, tally) in enumerate(tallies.items()):
        points = " ".join(
            f"{_x(percent):.1f},{_y(tally.latencies.percentile(percent) * 1e3):.1f}"
            for percent in _PERCENTS
        )
        colour = _COLOURS[place % len(_COLOURS)]
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
        lines.append(
            f'<text x="{_LEFT + 20 + 130 * place}" y="18" fill="{colour}">{escape(name)}</text>'
        )
    lines.append("</svg>")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _axes() -> Iterator[str]:
    for percent in _MARKS:
        x = _x(percent)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_TOP + _HEIGHT}" stroke="#ccc"/>'
        place = f'x="{x:.1f}" y="{_TOP + _HEIGHT + 16}" text-anchor="middle"'
        yield f"<text {place}>{percent:g} %</text>"
    for power in range(-1, 5):
        y = _y(10.0**power)
        yield f'<line x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ccc"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g} ms</text>'


def _x(percent: float) -> float:
    """Returns where a percentile stands: each nine takes as much room."""
    nines = -math.log10(max(1 - percent / 100, 10.0**-_NINES))
    return _LEFT + _WIDTH * nines / _NINES


def _y(milliseconds: float) -> float:
    share = math.log(min(max(milliseconds, _LEAST), _MOST) / _LEAST) / math.log(_MOST / _LEAST)
    return _TOP + _HEIGHT * (1 - share)
