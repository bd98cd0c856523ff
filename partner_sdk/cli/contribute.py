"""``rongan contribute``: shares the listings of a file, resumable after any break."""

from __future__ import annotations

import csv
from contextlib import nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import click

from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.cli.messages import say
from partner_sdk.cli.progress import progress
from partner_sdk.cli.questions import quota_facts, quota_line
from partner_sdk.cli.settings import Settings, example
from partner_sdk.cli.upload_state import (
    UploadState,
    digest_of,
    file_lock,
    find_state,
    new_state,
    save_state,
)
from partner_sdk.contributions import FRAME_ROWS, RowFrame, frames_of_rows
from partner_sdk.sources.csv_file import parse_rows, read_rows
from partner_sdk.sources.ofac import OfacList, Skipped
from rongan_share.wire.frames import MAX_FRAME_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from partner_sdk.client import Client
    from partner_sdk.contributions import Ack
    from partner_sdk.sources.rows import Row
    from rongan_share.wire.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Source:
    """A file of listings and how to read it.

    Attributes:
        file: The file.
        ofac: The reader, if it is an OFAC list; None = CSV.
        options: What decides the rows besides the file's content.
    """

    file: Path
    ofac: OfacList | None
    options: str

    @classmethod
    def of(cls, file: Path, kind: str, severity: str) -> Source:
        """Chooses the reader."""
        ofac = OfacList(file, severity=severity) if kind == "ofac" else None
        return cls(file, ofac, f"{kind} {severity}".strip())

    def rows(self) -> Iterator[Row]:
        """Reads the rows from the start."""
        return self.ofac.rows() if self.ofac else read_rows(self.file)

    def frames(self, taxonomy: Taxonomy | None, frame_rows: int) -> Iterator[RowFrame]:
        """Makes the frames from the start."""
        return frames_of_rows(parse_rows(self.rows(), taxonomy), frame_rows=frame_rows)


@dataclass(slots=True)
class Totals:
    """What an upload did."""

    sent_rows: int = 0
    frames: int = 0
    earlier_frames: int = 0
    repeated_frames: int = 0
    added: int = 0
    amended: int = 0
    withdrawn: int = 0
    unchanged: int = 0

    def count(self, ack: Ack) -> None:
        """Adds one acknowledged frame."""
        self.sent_rows += ack.row_count
        self.frames += 1
        self.repeated_frames += ack.repeated
        self.added += ack.added_count
        self.amended += ack.amended_count
        self.withdrawn += ack.withdrawn_count
        self.unchanged += ack.unchanged_count

    def lines(self) -> list[tuple[str, object]]:
        """Gives each total with its name, which is also its message."""
        return [(entry.name, getattr(self, entry.name)) for entry in fields(self)]


@click.command(
    help=say("help.contribute"),
    epilog=example("rongan contribute examples/ofac/sdn.csv --source ofac"),
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--source",
    "kind",
    type=click.Choice(["csv", "ofac"]),
    default="csv",
    show_default=True,
    help=say("help.source"),
)
@click.option("--dry-run", is_flag=True, help=say("help.dry_run"))
@click.option(
    "--frame-rows",
    type=click.IntRange(1, MAX_FRAME_ROWS),
    default=FRAME_ROWS,
    show_default=True,
    help=say("help.frame_rows"),
)
@click.option("--restart", is_flag=True, help=say("help.restart"))
@click.option(
    "--severity", type=click.Choice(list("1234")), default=None, help=say("help.severity")
)
@click.option("--legal-basis-ref", default="", help=say("help.legal_basis_ref"))
@click.option(
    "--skipped", type=click.Path(dir_okay=False, path_type=Path), help=say("help.skipped")
)
@click.pass_obj
def contribute(
    settings: Settings,
    file: Path,
    *,
    kind: str,
    dry_run: bool,
    frame_rows: int,
    restart: bool,
    severity: str | None,
    legal_basis_ref: str,
    skipped: Path | None,
) -> None:
    """Checks the whole file, then sends what the hub does not have yet."""
    if kind != "ofac" and (severity or skipped):
        raise click.UsageError("--severity, --skipped: --source ofac")
    source = Source.of(file, kind, severity or "")
    offline = dry_run and not settings.hub
    with file_lock(file), nullcontext() if offline else settings.connect() as client:
        row_count = _count_rows(source, client.taxonomy() if client else None)
        _write_skipped(source, skipped)
        if client is None or dry_run:
            _show_dry_run(settings, source, row_count)
            return
        state = _upload_state(source, client, frame_rows=frame_rows, restart=restart)
        totals, last = _send(
            source, client, state, legal_basis_ref=legal_basis_ref, row_count=row_count
        )
    _show_totals(settings, source, totals, last=last)


def _count_rows(source: Source, taxonomy: Taxonomy | None) -> int:
    """Reads the file to its end, which checks every row, and counts what will be sent."""
    with progress(say("progress_check"), None) as advance:
        count = 0
        for frame in source.frames(taxonomy, MAX_FRAME_ROWS):
            count += len(frame.rows)
            advance(len(frame.rows))
        return count


def _upload_state(source: Source, client: Client, *, frame_rows: int, restart: bool) -> UploadState:
    file_digest = digest_of(source.file)
    state = None if restart else find_state(source.file)
    if state is not None and not state.fits(file_digest, source.options):
        # A file put right after its first frame was refused has left nothing at the hub.
        if client.contribution_state(bytes.fromhex(state.stream_id)).frame_number:
            raise RefusedHereError(f"{source.file}: {say('file_changed')}")
        state = None
    if state is None:
        # A frame over the burst can never be admitted, however long one waits.
        burst = client.agreement().contribution_quota.burst_count
        fitting = min(frame_rows, max(burst, 1))
        state = new_state(file_digest, frame_rows=fitting, options=source.options)
        save_state(source.file, state)
    return state


def _send(
    source: Source,
    client: Client,
    state: UploadState,
    *,
    legal_basis_ref: str,
    row_count: int,
) -> tuple[Totals, Ack | None]:
    stream_id = bytes.fromhex(state.stream_id)
    totals = Totals(earlier_frames=client.contribution_state(stream_id).frame_number)
    frames = source.frames(client.taxonomy(), state.frame_rows)
    last: Ack | None = None
    with progress(say("progress_send"), row_count) as advance:
        advance(min(totals.earlier_frames * state.frame_rows, row_count))
        for ack in client.contribute(frames, stream_id=stream_id, legal_basis_ref=legal_basis_ref):
            totals.count(ack)
            advance(ack.row_count)
            last = ack
    return totals, last


def _write_skipped(source: Source, path: Path | None) -> None:
    if source.ofac is None or path is None:
        return
    with path.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow([entry.name for entry in fields(Skipped)])
        for skipped in source.ofac.report.skipped:
            writer.writerow([skipped.line, skipped.ent_num, skipped.what, skipped.rule])


def _source_lines(source: Source) -> list[tuple[str, object]]:
    if source.ofac is None:
        return []
    return [("skipped", len(source.ofac.report.skipped))]


def _source_facts(source: Source) -> dict[str, object]:
    if source.ofac is None:
        return {}
    report = source.ofac.report
    return {
        "source": {
            "entities": report.entity_count,
            "entities_with_rows": report.listed_entity_count,
            "entities_without": dict(report.entities_without),
            "identifiers": report.identifier_count,
            "rows_by_type": {kind.name: n for kind, n in report.rows_by_type.items()},
            "derived": report.derived_count,
            "duplicates": report.duplicate_count,
            "skipped": len(report.skipped),
        }
    }


def _show_dry_run(settings: Settings, source: Source, row_count: int) -> None:
    lines: list[tuple[str, object]] = [("rows", row_count), *_source_lines(source)]
    lines.append(("", say("dry_run")))
    if not settings.hub:
        lines.append(("", say("category_unchecked")))
    facts = {"dry_run": True, "rows": row_count, **_source_facts(source)}
    settings.show({**facts, "categories_checked": bool(settings.hub)}, lines)


def _show_totals(settings: Settings, source: Source, totals: Totals, *, last: Ack | None) -> None:
    lines = [*totals.lines(), *_source_lines(source)]
    facts = {**dict(totals.lines()), **_source_facts(source)}
    if last is not None:
        lines += [("sequence", last.sequence), ("quota", quota_line(last.quota_left))]
        facts.update(sequence=last.sequence, quota_left=quota_facts(last.quota_left))
        facts.update(entry_index=last.entry_index)
    settings.show(facts, lines)
