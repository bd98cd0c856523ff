"""The only reader of the wall clock in the SDK; all else takes the instant as an argument."""

from __future__ import annotations

from datetime import datetime, timezone


def utc_now() -> datetime:
    """Tells the present instant, aware, in UTC."""
    return datetime.now(timezone.utc)
