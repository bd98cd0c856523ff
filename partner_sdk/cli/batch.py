"""``rongan batch``: a verdict for every row of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from partner_sdk.cli.batch_output import OutputRows, Tally
from partner_sdk.cli.batch_rows import AskedRows
from partner_sdk.cli.messages import say
from partner_sdk.cli.progress import progress
from partner_sdk.cli.questions import question_options, quota_facts, quota_line
from partner_sdk.cli.settings import Settings, example, json_option
from partner_sdk.cli.whole_file import verify_output, whole_file
from rongan_share.wire.vocabulary import Channel, DetailLevel, Purpose

if TYPE_CHECKING:
    from partner_sdk.columns import FrameAnswer

FRAME_TOKENS = 16_384
"""Most tokens asked at once; larger frames gain nothing."""


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
@json_option
@click.pass_obj
def batch(
    settings: Settings,
    file: Path,
    *,
    output: Path,
    purpose: str,
    channel: str,
    categories: tuple[str, ...],
    detail: str,
) -> None:
    """Asks about the rows in order and writes the output whole or not at all."""
    verify_output(output, source=file)
    answer: FrameAnswer | None = None
    epochs: set[int] = set()
    with (
        settings.connect() as client,
        whole_file(output) as opened,
        progress(say("progress_ask"), None) as advance,
    ):
        burst = client.agreement().query_quota.burst_count
        asked = AskedRows(file, most_tokens=min(FRAME_TOKENS, max(burst, 1)))
        writer = OutputRows(opened)
        for answer in client.stream_verdicts(
            asked.frames(),
            purpose=Purpose[purpose],
            channel=Channel[channel],
            categories=categories,
            detail=DetailLevel[detail],
        ):
            chunk = asked.take()
            epochs.add(answer.epoch)
            writer.write(chunk, answer, has_subjects=asked.has_subjects)
            advance(sum(len(subject.rows) for subject in chunk.subjects))
        writer.write(asked.rest(), None, has_subjects=asked.has_subjects)
    _show_summary(settings, output, tally=writer.tally, answer=answer, epochs=sorted(epochs))


def _show_summary(
    settings: Settings,
    output: Path,
    *,
    tally: Tally,
    answer: FrameAnswer | None,
    epochs: list[int],
) -> None:
    lines, facts = _tally_lines(tally), _tally_facts(tally)
    if answer is not None:
        lines.append(("coverage", " ".join(answer.coverage.categories) or "-"))
        if answer.not_granted.categories:
            lines.append(("not_granted", " ".join(answer.not_granted.categories)))
        lines.append(("quota", quota_line(answer.quota_left)))
        if len(epochs) > 1:
            lines.append(("epochs", " ".join(map(str, epochs))))
        facts["epochs"] = epochs
        facts["coverage"] = list(answer.coverage.categories)
        facts["not_granted"] = list(answer.not_granted.categories)
        facts["list_sequence"] = answer.list_sequence
        facts["quota_left"] = quota_facts(answer.quota_left)
    lines.append(("written", output))
    settings.show({**facts, "output": str(output)}, lines)


def _tally_lines(tally: Tally) -> list[tuple[str, object]]:
    lines: list[tuple[str, object]] = [("rows", sum(tally.rows.values()))]
    lines += [("state", f"{name} {tally.rows[name]}") for name in sorted(tally.rows)]
    lines += [
        ("listed_in", f"{code} {tally.categories[code]}") for code in sorted(tally.categories)
    ]
    if tally.subjects:
        lines.append(("subjects", tally.distinct_subjects))
        lines += [
            ("subject_state", f"{name} {tally.subjects[name]}") for name in sorted(tally.subjects)
        ]
    if tally.apart:
        lines.append(("subjects_apart", tally.apart))
    return lines


def _tally_facts(tally: Tally) -> dict[str, object]:
    facts: dict[str, object] = {
        "rows": sum(tally.rows.values()),
        "states": dict(tally.rows),
        "categories": dict(tally.categories),
    }
    if tally.subjects:
        facts["subjects"] = tally.distinct_subjects
        facts["subject_states"] = dict(tally.subjects)
        facts["subjects_apart"] = tally.apart
    return facts
