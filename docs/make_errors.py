"""Writes ``docs/errors.md`` from the table of refusals; ``--check`` only says if it is current.

Example: ``python docs/make_errors.py --check``
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rongan_share.wire.reasons import DOMAIN, Reason

PAGE = Path(__file__).with_name("errors.md")

OPENING = f"""\
# Refusals

<!-- Written by `make docs` from rongan_share/wire/reasons.py. Edit the table there. -->

Whatever the hub refuses ends with a gRPC status and exactly one `google.rpc.ErrorInfo` in its
details: domain `{DOMAIN}`, one reason of this page, and metadata. Besides the keys named here,
metadata always holds `callId`, by which an operator finds the cause, and every refusal of a frame
whose number could be read holds `frameNumber`. Texts are fixed: no value that a caller sent comes
back but that number.

A status *without* ErrorInfo was given by the transport, not by the hub: too large a message, too
many calls, a broken connection, a handshake without a usable certificate (the client sees
UNAVAILABLE). No status of either kind says anything about a listing; it can never be read as
NOT_LISTED.

What a client does, as the SDK does it: *never* means that the same call will be refused again;
*once, after RetryInfo* means wait as long as RetryInfo says, then try once; *yes, with backoff*
means the same call, a few times, ever later; *after reading again* means fetch what has changed
(epoch, version), then decide.
"""


def errors_page() -> str:
    """Returns the whole page as text."""
    statuses = list(dict.fromkeys(reason.refusal.status for reason in Reason))
    return "\n".join([OPENING, *(_section(status) for status in statuses)])


def _section(status: str) -> str:
    """Returns the table of one gRPC status."""
    lines = [
        f"## {status}",
        "",
        "| reason | what it means | metadata | try again? |",
        "|---|---|---|---|",
    ]
    for reason in Reason:
        row = reason.refusal
        if row.status == status:
            keys = ", ".join(f"`{key}`" for key in row.metadata) or "-"
            lines.append(f"| `{reason.name}` | {row.text} | {keys} | {row.retry.value} |")
    return "\n".join([*lines, ""])


def main() -> int:
    """Writes or checks the page; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/errors.md from the refusal table.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if stale")
    check = parser.parse_args().check
    page = errors_page()
    if not check:
        PAGE.write_text(page, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page:
        return 0
    print("docs/errors.md is not what the table of refusals says: run make docs", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
