"""Problems of a CSV file name the lines that an editor shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from rongan_share.cli.importing import tables
from rongan_share.cli.importing.lines import find_lines
from rongan_share.cli.importing.tables import TableSource
from rongan_share.wire.taxonomy import packaged_taxonomy

HEADER = "reference,type,token,category,severity,evidence,source_class,legal_basis"
GOOD = f"{'ab' * 16},PASSPORT,{'cd' * 16},E4,3,5,7,2"
BAD = GOOD.replace("PASSPORT", "PASPORT")
SHORT, LONG = "one,two", GOOD + ",more"
CELLS = "as many cells as the header"
SAMPLES = {
    "misfits": (GOOD, SHORT, GOOD, BAD, LONG, BAD),
    "empty lines": ("", GOOD, "", "", BAD, SHORT, "", GOOD, BAD, ""),
    "only misfits": (SHORT, "", LONG, SHORT),
    "quotes": (f'"{GOOD[:4]}\n\n{GOOD[4:32]}"{GOOD[32:]}', SHORT, 'a,"b\n\nc"', BAD),
    "ends with misfits": (GOOD, BAD, "", LONG, SHORT),
}


def told(source: TableSource) -> list[tuple[int, str]]:
    """Reads a file; returns line and column of each problem, by line."""
    faults = [fault for block in source.blocks() for fault in block.faults.first]
    lines = source.lines_of({fault.row for fault in faults})
    return sorted((lines[fault.row], fault.column) for fault in faults)


def expected(lines: list[str]) -> list[tuple[int, str]]:
    """Finds the same by the samples themselves."""
    found, number = [], 2
    for line in lines:
        if line == BAD:
            found.append((number, "type"))
        elif line.startswith('"'):
            found.append((number, "reference"))
        elif line and line != GOOD:
            found.append((number, ""))
        number += 1 + line.count("\n")
    return found


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("block_bytes", [8 << 20, 300])
@pytest.mark.parametrize("name", SAMPLES)
def test_lines_of_problems(
    tmp_path: Path, name: str, block_bytes: int, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After rows of too few or too many cells, empty lines and line breaks in quotes."""
    if name == "quotes":
        block_bytes = 8 << 20
    monkeypatch.setattr(tables, "_CSV_BYTES", block_bytes)
    lines = list(SAMPLES[name])
    path = tmp_path / "listings.csv"
    path.write_bytes(ending.join([HEADER, *lines, ""]).encode())
    assert told(TableSource(path, "csv", packaged_taxonomy())) == expected(lines)


def test_rows_beyond_the_file(tmp_path: Path) -> None:
    """A quote that is never closed takes the rest of the file."""
    path = tmp_path / "listings.csv"
    path.write_text(f'{HEADER}\n{GOOD}\n\n"open,{GOOD}\n{GOOD}\n')
    assert find_lines(path, [0, 1, 2]) == {0: 2, 1: 4}
