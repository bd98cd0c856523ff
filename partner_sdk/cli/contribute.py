"""``rongan contribute``: shares the listings of a file, resumable after any break."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import click

from partner_sdk.cli.checked_rows import CheckedRows
from partner_sdk.cli.explain import show_guess
from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.cli.messages import say
from partner_sdk.cli.ofac_summary import ofac_facts, ofac_lines, write_skipped
from partner_sdk.cli.progress import progress
from partner_sdk.cli.questions import quota_facts, quota_line
from partner_sdk.cli.retoken import retoken
from partner_sdk.cli.settings import Settings, example, json_option
from partner_sdk.cli.upload_state import (
    UploadState,
    digest_of,
    file_lock,
    find_state,
    new_state,
    save_state,
)
from partner_sdk.clock import shanghai_today
from partner_sdk.contributions import FRAME_ROWS, RowFrame, frames_of_rows
from partner_sdk.sources.csv_file import parse_rows
from partner_sdk.sources.formats import Format
from partner_sdk.sources.limits import RowLimits
from partner_sdk.sources.listings_file import ListingsFile
from partner_sdk.sources.mapping_file import load_mapping
from partner_sdk.sources.ofac import OfacList
from rongan_share.wire.frames import MAX_FRAME_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from partner_sdk.client import Client
    from partner_sdk.contributions import Ack
    from partner_sdk.sources.rows import Row, RowProblem
    from rongan_share.wire.taxonomy import Taxonomy


NO_ALIASES = Path("none")
"""What ``--alt`` is given to read an OFAC list without its aliases."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file of listings and how to read it.

    Attributes:
        file: The file.
        reader: What reads it.
        options: What decides the rows besides the file's content.
    """

    file: Path
    reader: OfacList | ListingsFile
    options: str

    @classmethod
    def of(
        cls,
        file: Path,
        kind: str | None,
        severity: str,
        *,
        mapping: Path | None = None,
        alias_file: Path | None = None,
    ) -> Source:
        """Chooses the reader."""
        if kind == "ofac":
            alone = alias_file == NO_ALIASES
            ofac = OfacList(
                file,
                alias_file=None if alone else alias_file,
                without_aliases=alone,
                severity=severity,
            )
            aliases = digest_of(ofac.alias_file) if ofac.alias_file else ""
            return cls(file, ofac, " ".join(filter(None, (kind, severity, aliases))))
        read = load_mapping(mapping) if mapping else None
        listings = ListingsFile.of(file, format_name=kind, mapping=read)
        return cls(file, listings, listings.options)

    @property
    def ofac(self) -> OfacList | None:
        """The reader, if it is an OFAC list."""
        return self.reader if isinstance(self.reader, OfacList) else None

    @property
    def several_lines(self) -> int:
        """Records that span several lines; known once the rows were read."""
        return 0 if isinstance(self.reader, OfacList) else self.reader.notes.several_lines

    def rows(self) -> Iterator[Row | RowProblem]:
        """Reads the rows from the start."""
        return self.reader.rows()

    def checked(
        self, taxonomy: Taxonomy | None, limits: RowLimits | None, counts: CheckedRows
    ) -> Iterator[RowFrame]:
        """Makes the frames from the start only to check and count them."""
        rows = counts.counted(parse_rows(self.rows(), taxonomy, limits=limits))
        return frames_of_rows(rows, frame_rows=MAX_FRAME_ROWS, counts=counts.framed)

    def frames(
        self, taxonomy: Taxonomy | None, frame_rows: int, *, today: date | None = None
    ) -> Iterator[RowFrame]:
        """Makes the frames from the start, graded as of a day; None = today."""
        rows = parse_rows(self.rows(), taxonomy, today=today)
        return frames_of_rows(rows, frame_rows=frame_rows)


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
    epilog=example(
        "rongan contribute examples/ofac/sdn.csv --source ofac",
        "rongan contribute listings.csv --retoken",
    ),
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--source",
    "kind",
    type=click.Choice([*(each.value for each in Format), "ofac"]),
    default=None,
    help=say("help.source"),
)
@click.option(
    "--mapping", type=click.Path(dir_okay=False, path_type=Path), help=say("help.mapping")
)
@click.option("--explain", is_flag=True, help=say("help.explain"))
@click.option("--dry-run", is_flag=True, help=say("help.dry_run"))
@click.option(
    "--frame-rows",
    type=click.IntRange(1, MAX_FRAME_ROWS),
    default=FRAME_ROWS,
    show_default=True,
    help=say("help.frame_rows"),
)
@click.option("--restart", is_flag=True, help=say("help.restart"))
@click.option("--retoken", "retokens", is_flag=True, help=say("help.retoken"))
@click.option(
    "--severity", type=click.Choice(list("1234")), default=None, help=say("help.severity")
)
@click.option("--alt", type=click.Path(dir_okay=False, path_type=Path), help=say("help.alt"))
@click.option("--legal-basis-ref", default="", help=say("help.legal_basis_ref"))
@click.option(
    "--skipped", type=click.Path(dir_okay=False, path_type=Path), help=say("help.skipped")
)
@json_option
@click.pass_obj
def contribute(
    settings: Settings,
    file: Path,
    *,
    kind: str | None,
    mapping: Path | None,
    explain: bool,
    dry_run: bool,
    frame_rows: int,
    restart: bool,
    retokens: bool,
    severity: str | None,
    alt: Path | None,
    legal_basis_ref: str,
    skipped: Path | None,
) -> None:
    """Checks the whole file, then sends what the hub does not have yet."""
    if kind != "ofac" and (severity or alt or skipped):
        raise click.UsageError("--severity, --alt, --skipped: --source ofac")
    if (mapping or explain) and (kind == "ofac" or (mapping and explain)):
        raise click.UsageError(say("bad_mapping_use"))
    if retokens and (explain or dry_run or skipped or legal_basis_ref):
        raise click.UsageError(say("bad_retoken_use"))
    if explain:
        show_guess(settings, file, format_name=kind)
        return
    source = Source.of(file, kind, severity or "", mapping=mapping, alias_file=alt)
    if retokens:
        retoken(settings, source, frame_rows=frame_rows, restart=restart)
        return
    offline = dry_run and not settings.hub
    with file_lock(file), nullcontext() if offline else settings.connect() as client:
        limits = _limits(client, legal_basis_ref) if client and dry_run else None
        counts = _check_rows(source, client.taxonomy() if client else None, limits)
        if source.ofac and skipped:
            write_skipped(source.ofac.report, skipped)
        if client is None or dry_run:
            _show_dry_run(settings, source, counts)
            return
        state = _upload_state(source, client, frame_rows=frame_rows, restart=restart)
        totals, last = _send(
            source, client, state, legal_basis_ref=legal_basis_ref, row_count=counts.sent
        )
    _show_totals(settings, source, totals, last=last)


def _limits(client: Client, legal_basis_ref: str) -> RowLimits:
    # Only a dry run goes by the clock of this machine: what is sent is judged by the hub's.
    return RowLimits(
        client.taxonomy(),
        client.agreement,
        shanghai_today(),
        names_consent=bool(legal_basis_ref),
        find_epoch=client.token_epoch,
    )


def _check_rows(source: Source, taxonomy: Taxonomy | None, limits: RowLimits | None) -> CheckedRows:
    """Reads the file to its end, which checks every row, and counts what will be sent."""
    counts = CheckedRows()
    with progress(say("progress_check"), None) as advance:
        for frame in source.checked(taxonomy, limits, counts):
            counts.sent += len(frame.rows)
            advance(len(frame.rows))
    return counts


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
    frames = source.frames(client.taxonomy(), state.frame_rows, today=state.today)
    last: Ack | None = None
    with progress(say("progress_send"), row_count) as advance:
        advance(min(totals.earlier_frames * state.frame_rows, row_count))
        for ack in client.contribute(frames, stream_id=stream_id, legal_basis_ref=legal_basis_ref):
            totals.count(ack)
            advance(ack.row_count)
            last = ack
    return totals, last


def _source_facts(source: Source) -> dict[str, object]:
    if source.ofac:
        return {"source": ofac_facts(source.ofac.report)}
    return {"records_of_several_lines": source.several_lines}


def _note_lines(source: Source) -> list[tuple[str, object]]:
    several = source.several_lines
    return [("several_lines", several)] if several else []


def _show_dry_run(settings: Settings, source: Source, counts: CheckedRows) -> None:
    lines = ofac_lines(source.ofac.report) if source.ofac else []
    lines += [*counts.lines(listed=source.ofac is None), *_note_lines(source)]
    lines.append(("", say("dry_run")))
    if not settings.hub:
        lines.append(("", say("category_unchecked")))
    facts = {"dry_run": True, **counts.facts(), **_source_facts(source)}
    settings.show({**facts, "categories_checked": bool(settings.hub)}, lines)


def _show_totals(settings: Settings, source: Source, totals: Totals, *, last: Ack | None) -> None:
    lines = totals.lines()
    lines += _note_lines(source)
    if source.ofac:
        lines.append(("skipped", len(source.ofac.report.skipped)))
    facts = {**dict(totals.lines()), **_source_facts(source)}
    if last is not None:
        lines += [("sequence", last.sequence), ("quota", quota_line(last.quota_left))]
        facts.update(sequence=last.sequence, quota_left=quota_facts(last.quota_left))
        facts.update(entry_index=last.entry_index)
    settings.show(facts, lines)
