"""``rongan batch``: a verdict for every row of a file."""

from __future__ import annotations

import csv
import os
import tempfile
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from partner_sdk.cli.batch_rows import AskedRows, Chunk
from partner_sdk.cli.check import flag_names
from partner_sdk.cli.messages import say
from partner_sdk.cli.progress import progress
from partner_sdk.cli.questions import question_options, quota_facts, quota_line, split_codes
from partner_sdk.cli.settings import Settings, example
from rongan_share.wire.frames import OTHER_INDETERMINATE, OTHER_NOT_ENTITLED_COVERAGE
from rongan_share.wire.vocabulary import Channel, DetailLevel, Purpose, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from partner_sdk.columns import FrameAnswer, SubjectAnswer

FRAME_TOKENS = 16_384
"""Most tokens asked at once; larger frames gain nothing."""

COLUMNS = (
    "row",
    "type",
    "state",
    "severity",
    "confidence",
    "categories",
    "expiry_date",
    "flags",
    "note",
)
"""Columns of the output. Values of the input are not repeated in it."""

MALFORMED = "MALFORMED"
"""State of a row that is no identifier. It was not asked about; it is never NOT_LISTED."""


@click.command(
    help=say("help.batch"),
    epilog=example("rongan batch suppliers.csv -o verdicts.csv --purpose SANCTIONS"),
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help=say("help.output"),
)
@question_options(channel=Channel.BATCH)
@click.pass_obj
def batch(
    settings: Settings,
    file: Path,
    *,
    output: Path,
    purpose: str,
    channel: str,
    categories: str,
    detail: str,
) -> None:
    """Asks about the rows in order and writes the output whole or not at all."""
    _verify_output(file, output)
    counts: Counter[str] = Counter()
    answer: FrameAnswer | None = None
    with (
        settings.connect() as client,
        _whole_file(output) as opened,
        progress(say("progress_ask"), None) as advance,
    ):
        burst = client.agreement().query_quota.burst_count
        asked = AskedRows(file, client.tokenizer(), most_tokens=min(FRAME_TOKENS, max(burst, 1)))
        writer = _OutputRows(opened, counts)
        for answer in client.stream_verdicts(
            asked.frames(),
            purpose=Purpose[purpose],
            channel=Channel[channel],
            categories=split_codes(categories),
            detail=DetailLevel[detail],
        ):
            chunk = asked.take()
            writer.write(chunk, answer)
            advance(len(chunk.rows))
        writer.write(asked.rest(), None)
    _show_summary(settings, output, counts=counts, answer=answer)


class _OutputRows:
    """Writes rows of the output and counts their states."""

    def __init__(self, opened: TextIO, counts: Counter[str]) -> None:
        self._writer = csv.writer(opened)
        self._counts = counts
        self._writer.writerow(COLUMNS)

    def write(self, chunk: Chunk, answer: FrameAnswer | None) -> None:
        subject = 0
        for row in chunk.rows:
            if row.problem or answer is None:
                cells: tuple[object, ...] = (MALFORMED, "", "", "", "", "", row.problem)
            else:
                cells = _verdict_cells(answer.subject(subject))
                subject += 1
            self._counts[str(cells[0])] += 1
            self._writer.writerow((row.number, row.type_name, *cells))


def _verdict_cells(said: SubjectAnswer) -> tuple[object, ...]:
    summary = said.summary
    if summary is None:
        return said.state.name, "", "", "", "", "", _note(said)
    return (
        said.state.name,
        summary.severity,
        summary.confidence or "",
        "+".join(summary.categories),
        summary.expiry_date or "",
        "+".join(flag_names(summary.flags)),
        "",
    )


def _note(said: SubjectAnswer) -> str:
    if said.state is State.NOT_ENTITLED:
        by_coverage = said.other_state == OTHER_NOT_ENTITLED_COVERAGE
        return "coverage" if by_coverage else "type"
    if said.state is State.INDETERMINATE:
        return f"reason {said.other_state - OTHER_INDETERMINATE}"
    return ""


def _verify_output(file: Path, output: Path) -> None:
    """Refuses to put a file in the place of its own input, or of anything that is no plain file."""
    taken = output.is_symlink() or (output.exists() and not output.is_file())
    if taken or (output.exists() and file.exists() and output.samefile(file)):
        raise click.BadParameter(say("bad_output"), param_hint="--output")


@contextmanager
def _whole_file(path: Path) -> Iterator[TextIO]:
    """Opens a draft that takes the file's name only when all of it is written."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", text=True)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as opened:
            yield opened
            opened.flush()
            os.fsync(opened.fileno())
        Path(draft).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(draft).unlink()
        raise


def _show_summary(
    settings: Settings, output: Path, *, counts: Counter[str], answer: FrameAnswer | None
) -> None:
    lines: list[tuple[str, object]] = [("rows", sum(counts.values()))]
    lines += [("state", f"{name} {counts[name]}") for name in sorted(counts)]
    facts: dict[str, object] = {
        "rows": sum(counts.values()),
        "states": dict(counts),
        "output": str(output),
    }
    if answer is not None:
        lines.append(("coverage", " ".join(answer.coverage.categories) or "-"))
        if answer.not_granted.categories:
            lines.append(("not_granted", " ".join(answer.not_granted.categories)))
        lines.append(("quota", quota_line(answer.quota_left)))
        facts["coverage"] = list(answer.coverage.categories)
        facts["not_granted"] = list(answer.not_granted.categories)
        facts["list_sequence"] = answer.list_sequence
        facts["quota_left"] = quota_facts(answer.quota_left)
    lines.append(("written", output))
    settings.show(facts, lines)
