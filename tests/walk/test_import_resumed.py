"""What goes on, and what was imported before, is the same file: by what it holds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from partner_sdk.cli.failures import RefusedHereError
from rongan_share.cli.importing.tables import TableSource
from rongan_share.wire.taxonomy import packaged_taxonomy
from tests.support.hub import HubUnderTest
from tests.support.importing import Partners, make_rows, run_import, staged_only
from tests.walk.asking import NOT_LISTED, Row

HEAD = "token,reference,type,category,evidence,source_class,legal_basis,original_source\n"


@pytest.fixture(name="partners")
def three_partners(hub: HubUnderTest) -> Partners:
    """Three of their own for each test."""
    return Partners(hub)


def write_csv(path: Path, rows: Sequence[Row], *, size: int = 0) -> TableSource:
    """Writes rows as a CSV file of a size, written at a time that never changes."""
    words = "PASSPORT,E4,AUTHORITY_DETERMINED,INTL_LIST,PUBLIC_RECORD"
    lines = [f"{row.token.hex()},{row.reference.hex()},{words},1\n" for row in rows]
    text = HEAD + "".join(lines)
    for at in range(len(lines)):
        more = min(18, max(0, size - len(text)))
        lines[at] = lines[at].replace(",1\n", "," + "1" * (more + 1) + "\n")
        text = HEAD + "".join(lines)
    path.write_text(text)
    os.utime(path, ns=(10**18, 10**18))
    return TableSource(path, "csv", packaged_taxonomy())


@pytest.mark.parametrize("count", [9, 10])
def test_other_file_of_the_same_size_and_time(
    hub: HubUnderTest, partners: Partners, tmp_path: Path, count: int
) -> None:
    """Nothing of the one that was staged is committed in its place, if it has fewer rows too."""
    path = tmp_path / "a.csv"
    old, new = make_rows(10), make_rows(count)
    source = write_csv(path, old)
    staged_only(hub, source, partners.name)
    changed = write_csv(path, new, size=source.file.size)
    assert changed.file == source.file
    with pytest.raises(RefusedHereError):
        run_import(hub, changed, partners.name)
    assert partners.states(*old, *new) == [NOT_LISTED] * (10 + count)
    # The one that was staged goes on.
    done = run_import(hub, write_csv(path, old), partners.name)
    assert (done.added, done.taken_up) == (10, 10)


def test_other_file_after_one_was_imported(
    hub: HubUnderTest, partners: Partners, tmp_path: Path
) -> None:
    """A file of the size and time of one that is listed is imported; the same one is not again."""
    path = tmp_path / "a.csv"
    old, new = make_rows(10), make_rows(10)
    source = write_csv(path, old)
    assert run_import(hub, source, partners.name).added == 10
    assert run_import(hub, write_csv(path, old), partners.name).repeated
    done = run_import(hub, write_csv(path, new, size=source.file.size), partners.name)
    assert (done.added, done.repeated) == (10, False)
    assert NOT_LISTED not in partners.states(*old, *new)
