"""``rongan usage``: what was spent of the quotas, and what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from partner_sdk.cli.messages import say
from partner_sdk.cli.questions import quota_facts, quota_line
from partner_sdk.cli.settings import Settings, example, json_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from partner_sdk.usage import MeterUsage


@click.command(help=say("help.usage"), epilog=example("rongan usage"))
@json_option
@click.pass_obj
def usage(settings: Settings) -> None:
    """Asks and prints both meters."""
    with settings.connect() as client:
        said = client.usage()
    meters = {"query": said.query, "contribution": said.contribution}
    facts = {name: _facts(meter) for name, meter in meters.items()}
    lines = [line for name, meter in meters.items() for line in _lines(name, meter)]
    settings.show(facts, lines)


def _lines(name: str, meter: MeterUsage) -> Iterator[tuple[str, object]]:
    quota = meter.quota
    yield (
        f"usage.{name}",
        say(
            "usage_spent",
            date=meter.counted_date,
            day=meter.day_spent_count,
            day_limit=quota.day_count,
            month=meter.month_spent_count,
            month_limit=quota.month_count,
        ),
    )
    yield "quota", quota_line(meter.left)
    yield "usage.burst", say("usage_rate", burst=quota.burst_count, rate=quota.rate_per_second)


def _facts(meter: MeterUsage) -> dict[str, object]:
    quota = meter.quota
    return {
        "date": meter.counted_date.isoformat(),
        "day_spent": meter.day_spent_count,
        "month_spent": meter.month_spent_count,
        "left": quota_facts(meter.left),
        "quota": {
            "rate_per_second": quota.rate_per_second,
            "burst": quota.burst_count,
            "day": quota.day_count,
            "month": quota.month_count,
        },
    }
