"""The fold over columns says what the fold of the design says row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rongan_share.columns.view import bit_table
from rongan_share.wire import frames
from rongan_share.wire.fold import (
    SUMMARY_DTYPE,
    FoldRows,
    count_matched,
    cut_to_detail,
    fold,
    survive_allowlist,
)
from rongan_share.wire.vocabulary import DetailLevel
from tests.property import fold_model
from tests.property.fold_model import ModelRow

SEEDED = settings(deadline=None, derandomize=True, database=None, max_examples=200)
ALLOWLIST_BIT = 30
FIRM_BITS = 0b111 << 16

ROWS = st.builds(
    ModelRow,
    category=st.sampled_from([0, 1, 16, 17, 30, 63]),
    source_class=st.integers(1, 15),
    severity=st.integers(1, 4),
    confidence=st.integers(0, 100),
    # 7 is a contributor's number and a source as well: the two must not be taken for one.
    original_source=st.sampled_from([0, 0, 7, 8, 2**32, 2**64 - 1]),
    contributor=st.sampled_from([1, 7, 8, 2**32 - 1]),
    expiry_day=st.sampled_from([0, 1, 20_000, 65_535]),
    flags=st.integers(0, 63),
    # References that differ only in trailing and in embedded zeros.
    reference=st.sampled_from(
        [b"\x01" + bytes(15), b"\x01" * 15 + b"\x00", b"\x00" * 15 + b"\x01"]
    ),
)
GROUPS = st.dictionaries(st.integers(0, 2**31), st.lists(ROWS, min_size=1, max_size=6), max_size=5)


def columns(rows: list[ModelRow]) -> FoldRows:
    """Turns rows into columns."""
    types: dict[str, Any] = {
        "category": np.uint8,
        "source_class": np.uint8,
        "severity": np.uint8,
        "confidence": np.uint8,
        "original_source": np.uint64,
        "contributor": np.uint32,
        "expiry_day": np.uint16,
        "flags": np.uint8,
    }
    return FoldRows(
        **{
            name: np.array([getattr(row, name) for row in rows], kind)
            for name, kind in types.items()
        }
    )


def flat(groups: dict[int, list[ModelRow]]) -> tuple[Any, list[ModelRow]]:
    """Lays groups out one after another, ascending."""
    rows = [row for number in sorted(groups) for row in groups[number]]
    numbers = [number for number in sorted(groups) for _ in groups[number]]
    return np.array(numbers, np.int64), rows


@SEEDED
@given(groups=GROUPS, detail=st.sampled_from(DetailLevel))
def test_fold_equals_row_by_row(groups: dict[int, list[ModelRow]], detail: DetailLevel) -> None:
    """Every field of every group's summary is what the naive fold gives, at every detail level."""
    group, rows = flat(groups)
    numbers, summaries = fold(group, columns(rows))
    assert numbers.tolist() == sorted(groups)
    shown = cut_to_detail(summaries, detail)
    expected = [fold_model.fold_rows(groups[n], detail).as_tuple() for n in sorted(groups)]
    assert [summary.item() for summary in shown] == expected
    packed = b"".join(frames.SUMMARY.pack(*summary) for summary in expected)
    assert shown.tobytes() == packed


@SEEDED
@given(groups=GROUPS)
def test_fold_leaves_its_input_alone(groups: dict[int, list[ModelRow]]) -> None:
    """Snapshots share their rows, so neither fold nor cut may change what it was given."""
    group, rows = flat(groups)
    given_rows = columns(rows)
    before = [column.tobytes() for column in given_rows]
    _, summaries = fold(group, given_rows)
    whole = summaries.tobytes()
    cut_to_detail(summaries, DetailLevel.VERDICT)
    assert [column.tobytes() for column in given_rows] == before
    assert summaries.tobytes() == whole


@SEEDED
@given(groups=GROUPS)
def test_allowlist_hides_all_but_orders_and_family_e(groups: dict[int, list[ModelRow]]) -> None:
    """An allowlist row hides all under its token but ORDER and the firm family."""
    group, rows = flat(groups)
    mask = survive_allowlist(
        group, columns(rows), allowlist_bit=ALLOWLIST_BIT, never_hidden=bit_table(FIRM_BITS)
    )
    kept = [row for row, stays in zip(rows, mask.tolist(), strict=True) if stays]
    expected = [
        row
        for number in sorted(groups)
        for row in fold_model.remain(
            groups[number], allowlist_bit=ALLOWLIST_BIT, firm_bits=FIRM_BITS
        )
    ]
    assert kept == expected


@SEEDED
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), ROWS), min_size=1, max_size=20)
)
def test_matched_is_the_most_tokens_in_one_record(
    rows: list[tuple[int, int, ModelRow]],
) -> None:
    """The count is the most tokens of a subject that meet in one (partner, reference)."""
    found = count_matched(
        subject=np.array([subject for subject, _, _ in rows], np.int64),
        contributor=np.array([row.contributor for _, _, row in rows], np.uint32),
        reference=np.array([row.reference for _, _, row in rows], "S16"),
        token=np.array([token for _, token, _ in rows], np.int64),
    )
    expected = [
        fold_model.matched((t, row) for subject, t, row in rows if subject == number)
        for number in sorted({subject for subject, _, _ in rows})
    ]
    assert found.tolist() == expected


def test_sources_are_capped_at_255() -> None:
    """The source count is one byte: 256 sources and more read as 255."""
    for count in (254, 255, 256, 300):
        rows = [
            ModelRow(
                category=0,
                source_class=1,
                severity=1,
                confidence=0,
                original_source=number + 1,
                contributor=1,
                expiry_day=0,
                flags=0,
            )
            for number in range(count)
        ]
        _, summary = fold(np.zeros(count, np.int64), columns(rows))
        assert summary["source_count"].tolist() == [min(count, 255)]


def test_layout_is_that_of_the_wire() -> None:
    """The summary's columns lie where the wire says, without padding."""
    assert SUMMARY_DTYPE.itemsize == frames.SUMMARY.size == 16
    values = (0x0102030405060708, 0x0910, 0x11, 0x12, 0x13, 0x1415, 0x16)
    assert np.array([values], SUMMARY_DTYPE).tobytes() == frames.SUMMARY.pack(*values)


def test_nothing_folds_to_nothing() -> None:
    """No rows give no groups."""
    numbers, summary = fold(np.zeros(0, np.int64), columns([]))
    assert (numbers.size, summary.size) == (0, 0)
