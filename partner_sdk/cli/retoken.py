"""``rongan contribute --retoken``: gives the listings of a file their tokens of the next epoch."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.cli.messages import say
from partner_sdk.cli.progress import progress
from partner_sdk.cli.retoken_state import (
    RetokenState,
    left_out_path,
    recording,
    resume,
    state_path,
)
from partner_sdk.cli.upload_state import digest_of, file_lock
from partner_sdk.credentials import Credentials
from partner_sdk.retokens import NoOpeningEpochError, retoken_rows
from partner_sdk.sources.csv_file import parse_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from partner_sdk.cli.contribute import Source
    from partner_sdk.cli.settings import Settings
    from partner_sdk.client import Client
    from partner_sdk.sources.rows import ParsedRow


def retoken(settings: Settings, source: Source, *, frame_rows: int, restart: bool) -> None:
    """Checks the whole file, then sends what is not done yet."""
    with file_lock(source.file), settings.connect() as client:
        coming = client.opening_epoch()
        if coming is None:
            raise RefusedHereError(say("retoken_none"))
        row_count = _count_rows(source, client)
        begun = RetokenState(
            digest_of(source.file),
            source.options,
            coming.number,
            opened_time=coming.opened_time.isoformat(),
            caller=Credentials.from_directory(settings.folder()).identity,
        )
        state = begun if restart else resume(source.file, begun)
        earlier = state.rows_done
        try:
            _send(source, client, state, frame_rows=frame_rows, row_count=row_count)
        except NoOpeningEpochError:
            counts = {"epoch": coming.number, "done": state.rows_done, "rows": row_count}
            raise RefusedHereError(say("retoken_over", **counts)) from None
    _show(settings, source, state, earlier=earlier)


def _rows(source: Source, client: Client) -> Iterator[ParsedRow]:
    return retoken_rows(parse_rows(source.rows(), client.taxonomy()))


def _count_rows(source: Source, client: Client) -> int:
    """Reads the file to its end, which checks every row, and counts what there is to do."""
    count = 0
    with progress(say("progress_check"), None) as advance:
        for _ in _rows(source, client):
            count += 1
            advance(1)
    return count


def _send(
    source: Source, client: Client, state: RetokenState, *, frame_rows: int, row_count: int
) -> None:
    rest = islice(_rows(source, client), state.rows_done, None)
    with recording(source.file, state) as record, progress(say("progress_send"), row_count) as bar:
        bar(min(state.rows_done, row_count))
        for ack in client.retoken(rest, frame_rows=frame_rows):
            record.add(ack)
            bar(ack.row_count)


def _show(settings: Settings, source: Source, state: RetokenState, *, earlier: int) -> None:
    lines: list[tuple[str, object]] = [
        ("next_epoch", state.epoch),
        ("rows", state.rows_done),
        ("rows_earlier", earlier),
        ("retokened", state.retokened),
        ("left_out", state.left_out),
    ]
    facts: dict[str, object] = {
        "next_epoch": state.epoch,
        "rows": state.rows_done,
        "rows_earlier": earlier,
        "retokened": state.retokened,
        "left_out": state.left_out,
        "left_out_file": None,
        "state_file": str(state_path(source.file)),
    }
    if state.left_out:
        facts["left_out_file"] = str(left_out_path(source.file))
        lines.append(("written", left_out_path(source.file)))
    settings.show(facts, lines)
