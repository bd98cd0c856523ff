"""What a refused value seems to be instead, where its form tells it beyond doubt."""

from __future__ import annotations

_URL_BEGINNINGS = ("http://", "https://")


def better_rule(rule: str, *, type_name: str, value: str) -> str:
    """Adds to a broken rule what the value is; the value itself is never repeated.

    Args:
        rule: The rule that it breaks.
        type_name: Name of the type it was said to be of.
        value: The value.
    """
    if type_name.strip().upper() == "DOMAIN" and value.strip().lower().startswith(_URL_BEGINNINGS):
        return f"{rule}; this is a URL, give it as one"
    return rule
