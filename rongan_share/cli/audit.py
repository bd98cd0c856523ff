"""``rongan-hub audit``: reads the log in the hub's home, whether the hub is running or not."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from partner_sdk.cli.failures import REFUSED, RefusedHereError
from partner_sdk.cli.progress import progress
from partner_sdk.cli.settings import example
from rongan_share.audit.entry import Entry, parse_entry
from rongan_share.audit.verify import LogReport, verify_log
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.clock import instant_of
from rongan_share.errors import LedgerCorruptError
from rongan_share.ledger.entries import get_frontier, list_entries
from rongan_share.ledger.environment import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_ENTRIES = 10_000
"""Entries shown at once: they are read in one transaction, which must be short."""

_COLUMNS = ("entry_index", "time", "caller", "method", "decision", "details")


@click.group(help=say("help.audit"), epilog=example("rongan-hub --home hub audit verify"))
def audit() -> None:
    """Holds the verbs."""


@audit.command(help=say("help.audit_verify"), epilog=example("rongan-hub --home hub audit verify"))
@shared_options()
@click.pass_context
def verify(context: click.Context) -> None:
    """Re-derives the whole log; exit code 1 if it does not hold."""
    options = context.ensure_object(Options)
    with _open_ledger(options) as ledger:
        report = _verify(ledger)
    facts = {"size": report.size, "root_hash": report.root.hex(), "verified": report.fault is None}
    lines: list[tuple[str, object]] = [("size", report.size), ("root_hash", report.root.hex())]
    if report.fault is None:
        options.show(facts, [*lines, ("result", say("verified"))])
        return
    fault = {"index": report.fault.index, "rule": report.fault.rule}
    options.show({**facts, "fault": fault}, [*lines, ("result", say("first_bad_entry", **fault))])
    context.exit(REFUSED)


@audit.command(
    help=say("help.audit_tail"), epilog=example("rongan-hub --home hub audit tail -n 50")
)
@click.option(
    "-n",
    "--count",
    type=click.IntRange(1, _MOST_ENTRIES),
    default=20,
    show_default=True,
    help=say("help.count"),
)
@shared_options()
@click.pass_obj
def tail(options: Options, *, count: int) -> None:
    """Prints the last entries, the newest at the end."""
    with _open_ledger(options) as ledger, ledger.read() as txn:
        size = get_frontier(txn).size
        raw_entries = list(list_entries(txn, max(0, size - count)))
    entries = [(index, _parse(index, raw)) for index, raw in raw_entries]
    options.show_table(
        {"size": size, "entries": [_facts(index, entry) for index, entry in entries]},
        _COLUMNS,
        (_cells(index, entry) for index, entry in entries),
    )


@contextmanager
def _open_ledger(options: Options) -> Iterator[Ledger]:
    """Opens the ledger of the home for reading.

    Raises:
        StartRefusedError: There is none.
        RefusedHereError: What is needed to read the log at all is damaged.
    """
    with Ledger(options.load_settings().data_directory, writable=False) as ledger:
        try:
            yield ledger
        except LedgerCorruptError as error:
            raise RefusedHereError(
                say("damaged", table=error.table, key_hex=error.key_hex)
            ) from error


def _verify(ledger: Ledger) -> LogReport:
    with ledger.read() as txn:
        size = get_frontier(txn).size
    done_before = 0
    with progress(say("progress_verify"), size) as advance:

        def on_progress(done: int, _: int) -> None:
            nonlocal done_before
            advance(done - done_before)
            done_before = done

        return verify_log(ledger, on_progress=on_progress)


def _parse(index: int, raw: bytes) -> Entry:
    try:
        return parse_entry(raw)
    except ValueError as error:
        raise RefusedHereError(say("first_bad_entry", index=index, rule=error)) from error


def _cells(index: int, entry: Entry) -> tuple[object, ...]:
    details = [f"{name}={value}" for name, value in {**entry.counts, **entry.facts}.items()]
    return (
        index,
        _time(entry),
        "/".join(filter(None, (entry.caller_kind, entry.caller_id))) or "-",
        entry.method,
        entry.decision,
        " ".join(details),
    )


def _facts(index: int, entry: Entry) -> dict[str, object]:
    """Puts an entry into JSON; byte strings as hexadecimal."""
    fields = ((name, getattr(entry, name)) for name in Entry.__struct_fields__ if name != "time_ns")
    facts = {name: value.hex() if isinstance(value, bytes) else value for name, value in fields}
    facts |= {"counts": dict(entry.counts), "facts": dict(entry.facts)}
    return {"entry_index": index, "time": _time(entry), **facts}


def _time(entry: Entry) -> str:
    return instant_of(entry.time_ns).isoformat(timespec="milliseconds")
