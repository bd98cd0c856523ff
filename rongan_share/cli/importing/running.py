"""Importing a file: how it is told, whatever comes of it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click
import msgspec

from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.sources.rows import RowsRefusedError
from rongan_share.cli.importing.committing import hub_of
from rongan_share.cli.importing.job import ImportJob
from rongan_share.cli.importing.outcome import Outcome
from rongan_share.cli.importing.packed import PackedSource
from rongan_share.cli.importing.progress import rows_progress
from rongan_share.cli.importing.store import ImportStore
from rongan_share.cli.importing.tables import TableSource
from rongan_share.cli.messages import say
from rongan_share.clock import monotonic_ns
from rongan_share.errors import Reason, RonganError
from rongan_share.model.hub_key import RekeyPhase
from rongan_share.wire.taxonomy import packaged_taxonomy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rongan_share.cli.importing.blocks import Source
    from rongan_share.cli.options import Options

_SWITCH_SECONDS = 0.0005
_SENTENCES = {
    Reason.RESOURCE_NOT_FOUND: "unknown_partner",
    Reason.NO_AGREEMENT: "no_agreement",
    Reason.AGREEMENT_NOT_STARTED: "agreement_not_started",
    Reason.AGREEMENT_EXPIRED: "agreement_expired",
    Reason.SCOPE_NOT_GRANTED: "scope_not_granted",
    Reason.PARTNER_SUSPENDED: "partner_is_suspended",
    Reason.PARTNER_TERMINATED: "partner_has_left",
    Reason.EPOCH_NOT_OPEN: "epoch_not_open",
    Reason.WRONG_STATE: "import_while_opening",
}
"""What is said of refusals, by reason."""

_ENDINGS = {".parquet": "parquet", ".pq": "parquet"}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator asks for.

    Attributes:
        partner_id: Whose listings they are.
        kind: Form of the file; None = by its name.
        dry_run: Check, and keep nothing.
        abandon: Drop what an earlier run has staged.
        consent: The hub holds the references of rows whose legal basis is CONSENT.
    """

    partner_id: str
    kind: str | None
    dry_run: bool
    abandon: bool
    consent: bool


def import_file(options: Options, file: Path, wanted: Wanted) -> None:
    """Checks, stages and commits; goes on where it was broken off.

    Raises:
        RefusedHereError: The hub, or what stands in its store, refuses the import.
        RowsRefusedError: Rows break rules.
        StartRefusedError: The store or the file cannot be used.
    """
    settings = options.load_settings()
    with _refusals(wanted.partner_id):
        source = _source_of(file, wanted.kind)
    # The thread that holds LMDB's lock must not wait long for those that compute.
    sys.setswitchinterval(_SWITCH_SECONDS)
    began = monotonic_ns()
    with (
        _refusals(wanted.partner_id, source.epoch),
        ImportStore(settings) as store,
        rows_progress(source) as on_rows,
    ):
        job = ImportJob(
            store,
            source,
            partner_id=wanted.partner_id,
            consent_named=wanted.consent,
            on_rows=on_rows,
        )
        opening = store.registry.opening
        if wanted.abandon:
            dropped = job.abandon()
        elif opening is not None:
            # The hub would refuse it once all was staged.
            raise RonganError(Reason.WRONG_STATE, state=opening.state.name)
        elif wanted.dry_run:
            outcome = job.check()
        else:
            outcome = job.run(partial(hub_of, options, store))
    if wanted.abandon:
        options.show({"abandoned": dropped}, [("import_abandoned", dropped)])
        return
    _show(options, outcome, (monotonic_ns() - began) / 1e9, dry_run=wanted.dry_run)


@contextmanager
def _refusals(partner_id: str, epoch: int | None = None) -> Iterator[None]:
    """Says in sentences why nothing is imported, and how to go on after Ctrl-C."""
    try:
        yield
    except RowsRefusedError as error:
        error.undone = "imported"
        raise
    except RonganError as error:
        key = _SENTENCES.get(error.reason)
        if key is None:
            raise
        if error.metadata.get("state") == RekeyPhase.BUILDING.name:
            key = "import_while_building"
        text = say(key, partner=partner_id, epoch=epoch, **error.metadata)
        raise RefusedHereError(text) from error
    except KeyboardInterrupt:
        click.echo(say("import_interrupted"), err=True)
        raise


def _source_of(file: Path, kind: str | None) -> Source:
    chosen = kind or ("packed" if file.is_dir() else _ENDINGS.get(file.suffix.lower(), "csv"))
    if chosen == "packed":
        return PackedSource(file)
    return TableSource(file, chosen, packaged_taxonomy())


def _show(options: Options, outcome: Outcome, seconds: float, *, dry_run: bool) -> None:
    # Of a file that was imported before nothing was read.
    rate = 0 if outcome.repeated else round(outcome.rows_read / seconds)
    added, before = (0, outcome.added) if outcome.repeated else (outcome.added, 0)
    facts = {
        "dry_run": dry_run,
        "import_id": outcome.import_id.hex(),
        "rows_read": outcome.rows_read,
        "added": added,
        "added_before": before,
        "unchanged": outcome.unchanged,
        "taken_up": outcome.taken_up,
        "first_sequence": outcome.first_sequence,
        "last_sequence": outcome.last_sequence,
        "entry_index": outcome.entry_index,
        "repeated": outcome.repeated,
        "seconds": round(seconds, 3),
        "rows_per_second": rate,
    }
    lines: list[tuple[str, object]] = [
        ("rows_read", outcome.rows_read),
        ("import_unchanged", outcome.unchanged),
    ]
    if dry_run:
        lines += [("import_would_add", outcome.added), ("", say("import_dry_run"))]
    else:
        lines.append(("import_added", added))
        if before:
            lines.append(("import_before", before))
        if outcome.taken_up:
            lines.append(("import_taken_up", outcome.taken_up))
        if outcome.first_sequence:
            lines.append(("sequences", f"{outcome.first_sequence}-{outcome.last_sequence}"))
            lines.append(("entry_index", outcome.entry_index))
        if outcome.repeated:
            lines.append(("", say("import_repeated")))
    if rate:
        lines.append(("rows_per_second", f"{rate:,}"))
    options.show(facts, lines)
