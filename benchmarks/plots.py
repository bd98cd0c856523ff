"""A chart of results against floors and aims, as an SVG file without any library."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from benchmarks.aims import AIMS
from benchmarks.report import short

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.report import Result

CHART = "ratios.svg"
_LEFT, _WIDTH, _ROW, _TOP, _RIGHT = 280, 480, 26, 58, 110
_PAGE = _LEFT + _WIDTH + _RIGHT
_SVG, _FONT = "http://www.w3.org/2000/svg", 'font-family="sans-serif" font-size="12"'
_LEAST, _MOST = 0.1, 10.0
_COLOURS = {"aim": "#2e7d32", "floor": "#f9a825", "missed": "#c62828"}
_MEANING = {"aim": "aim reached", "floor": "floor reached", "missed": "floor missed"}


def write_chart(folder: Path, results: Sequence[Result]) -> None:
    """Draws each row that has an aim: how many times its floor it reached, on a log scale.

    Where less is better the bar shows how many times below the ceiling it stayed, so that longer is
    always better and 1 is always the floor. A tick shows the aim.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # What must be 0 is no number of times as good as anything.
    aimed = {name for name, aim in AIMS.items() if aim.floor}
    rows = [result for result in results if result.name in aimed and result.value]
    height = _TOP + _ROW * len(rows) + 12
    lines = [
        f'<svg xmlns="{_SVG}" width="{_PAGE}" height="{height}" {_FONT}>',
        '<rect width="100%" height="100%" fill="white"/>',
        *_legend(),
        *_scale(height),
    ]
    for place, result in enumerate(rows):
        lines += _bar(result, _TOP + place * _ROW)
    lines.append("</svg>")
    (folder / CHART).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _legend() -> Iterator[str]:
    yield _text(10, 18, "times the floor; a black line is the aim")
    for place, (verdict, colour) in enumerate(_COLOURS.items()):
        x = _LEFT + 130 * place
        yield f'<rect x="{x}" y="8" width="12" height="12" fill="{colour}"/>'
        yield _text(x + 17, 18, _MEANING[verdict])


def _scale(height: int) -> Iterator[str]:
    for mark in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0):
        x = _at(mark)
        width = 2 if mark == 1 else 0.5
        yield (
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{height - 6}" stroke="#888"'
            f' stroke-width="{width}"/>'
        )
        yield _text(x, _TOP - 14, f"{mark:g}", anchor="middle")


def _bar(result: Result, y: int) -> Iterator[str]:
    aim, value = AIMS[result.name], result.value or _LEAST
    times, aimed = value / aim.floor, aim.aim / aim.floor
    if aim.less_is_better:
        times, aimed = 1 / times, 1 / aimed
    colour, end = _COLOURS[aim.verdict(value)], _at(times)
    yield _text(_LEFT - 8, y + 14, result.name, anchor="end")
    yield (
        f'<rect x="{_LEFT}" y="{y + 3}" width="{end - _LEFT:.1f}" height="{_ROW - 10}"'
        f' fill="{colour}"/>'
    )
    yield f'<rect x="{_at(aimed) - 1:.1f}" y="{y}" width="2" height="{_ROW - 4}"/>'
    yield _text(_LEFT + _WIDTH + 10, y + 14, f"{short(value)} {result.unit}")


def _at(times: float) -> float:
    """Returns where a multiple of the floor stands, or the end of the scale beyond it."""
    share = math.log(min(max(times, _LEAST), _MOST) / _LEAST) / math.log(_MOST / _LEAST)
    return _LEFT + _WIDTH * share


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
