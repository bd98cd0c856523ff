"""Days as the wire counts them: uint16 from 1970-01-01, by the date in Asia/Shanghai.

Shanghai has kept UTC+8 without summer time since 1991, so a fixed offset serves and no time zone
database is needed.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

from rongan_share.wire.malformed import MalformedError

MAX_DAY = 65535
"""Last day that the wire can say, 2149-06-06."""

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
"""The zone in which the hub's days begin and end."""

_FIRST_DATE = date(1970, 1, 1)
_FIRST_INSTANT = datetime(1970, 1, 1, tzinfo=SHANGHAI)


def shanghai_day(instant: datetime) -> int:
    """Counts the days from 1970-01-01 to the date in Asia/Shanghai at an instant.

    Raises:
        MalformedError: The instant names no time zone, or its day does not fit the wire.
    """
    if instant.utcoffset() is None:
        raise MalformedError("instant", "needs a time zone")
    return _checked_day((instant - _FIRST_INSTANT).days)


def day_of_date(day_date: date) -> int:
    """Counts the days from 1970-01-01 to a date.

    Raises:
        MalformedError: The day does not fit the wire, or an instant was given, whose date depends
            on its zone.
    """
    if isinstance(day_date, datetime):
        raise MalformedError("date", "is an instant, not a date")
    return _checked_day((day_date - _FIRST_DATE).days)


def date_of_day(day: int) -> date:
    """Gives the date of a day of the wire.

    Raises:
        MalformedError: The day does not fit the wire.
    """
    return _FIRST_DATE + timedelta(days=_checked_day(day))


def _checked_day(day: int) -> int:
    if not 0 <= day <= MAX_DAY:
        raise MalformedError("day", "lies outside 1970-01-01 to 2149-06-06")
    return day
