"""The only reader of the wall clock in the SDK; all else takes the instant as an argument."""

from __future__ import annotations

from datetime import date, datetime, timezone

from rongan_share.wire.days import SHANGHAI


def utc_now() -> datetime:
    """Tells the present instant, aware, in UTC."""
    return datetime.now(timezone.utc)


def shanghai_today() -> date:
    """Tells the present day in Asia/Shanghai, against which births are future."""
    return utc_now().astimezone(SHANGHAI).date()
