"""Days begin at midnight in Shanghai and stay within sixteen bits."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest

from rongan_share.wire.days import MAX_DAY, SHANGHAI, date_of_day, day_of_date, shanghai_day
from rongan_share.wire.malformed import MalformedError

UTC = timezone.utc


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(1969, 12, 31, 16, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, 15, 59, 59, 999999, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, 16, tzinfo=UTC), 1),
        (datetime(2026, 1, 1, tzinfo=SHANGHAI), 20454),
        (datetime(2025, 12, 31, 15, 59, tzinfo=UTC), 20453),
        (datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=14))), 20453),
        (datetime(2149, 6, 6, 23, 59, tzinfo=SHANGHAI), MAX_DAY),
    ],
)
def test_day_turns_at_midnight_in_shanghai(instant: datetime, day: int) -> None:
    """An instant must count to the date that Shanghai has then, whatever its own zone."""
    assert shanghai_day(instant) == day


def test_instant_without_zone_is_refused() -> None:
    """A naive instant has no date in Shanghai."""
    with pytest.raises(MalformedError, match="instant: needs a time zone"):
        shanghai_day(datetime(2026, 1, 1))  # noqa: DTZ001 - the fault under test


@pytest.mark.parametrize(
    "instant",
    [
        datetime(1969, 12, 31, 15, 59, tzinfo=UTC),
        datetime(2149, 6, 7, tzinfo=SHANGHAI),
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
    ],
)
def test_instant_outside_the_wire_is_refused(instant: datetime) -> None:
    """An instant before day 0 or after the last day must be refused, never wrapped."""
    with pytest.raises(MalformedError, match="day: lies outside"):
        shanghai_day(instant)


@pytest.mark.parametrize("day", [0, 1, 20454, MAX_DAY])
def test_date_and_day_are_inverse(day: int) -> None:
    """A day turned into a date must turn back."""
    assert day_of_date(date_of_day(day)) == day


def test_first_and_last_dates() -> None:
    """Day 0 and the last day must be the dates that the wire documents."""
    assert (date_of_day(0), date_of_day(MAX_DAY)) == (date(1970, 1, 1), date(2149, 6, 6))


@pytest.mark.parametrize("day", [-1, MAX_DAY + 1])
def test_day_outside_the_wire_is_refused(day: int) -> None:
    """A number outside sixteen bits has no date."""
    with pytest.raises(MalformedError, match="day: lies outside"):
        date_of_day(day)


@pytest.mark.parametrize("day_date", [date(1969, 12, 31), date(2149, 6, 7)])
def test_date_outside_the_wire_is_refused(day_date: date) -> None:
    """A date outside sixteen bits has no day."""
    with pytest.raises(MalformedError, match="day: lies outside"):
        day_of_date(day_date)


def test_instant_is_no_date() -> None:
    """An instant passed as a date must be refused: its date depends on the zone."""
    with pytest.raises(MalformedError, match="date: is an instant"):
        day_of_date(datetime(2026, 1, 1, tzinfo=UTC))
