"""The command: runs the checks, prints a line for each, ends with 1 if any failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from partner_sdk.cli.failures import REFUSED
from partner_sdk.cli.settings import example
from rongan_share.cli.doctor.caller import explain_caller
from rongan_share.cli.doctor.files import check_files
from rongan_share.cli.doctor.findings import Finding, Level, failed, good
from rongan_share.cli.doctor.serving import check_serving
from rongan_share.cli.doctor.store import check_store
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.clock import SystemClock
from rongan_share.config import FILE_NAME
from rongan_share.errors import StartRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHANGHAI = timezone(timedelta(hours=8))


def _read_instant(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> datetime | None:
    """Reads an instant; without a time zone it is one of Shanghai."""
    if value is None:
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        text = say("doctor.bad_time")
        raise click.BadParameter(text, ctx=context, param=parameter) from None
    return instant if instant.tzinfo else instant.replace(tzinfo=_SHANGHAI)


@click.command(
    help=say("help.doctor"),
    epilog=example("rongan-hub --home hub doctor --certificate certificate.pem --at 2027-01-01"),
)
@click.option(
    "--certificate",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help=say("help.doctor_certificate"),
)
@click.option("--at", callback=_read_instant, metavar="TIME", help=say("help.doctor_at"))
@shared_options()
@click.pass_context
def doctor(context: click.Context, *, certificate: Path | None, at: datetime | None) -> None:
    """Prints what was found."""
    options = context.ensure_object(Options)
    if at is not None and certificate is None:
        raise click.UsageError(say("doctor.at_needs_certificate"))
    findings = list(
        _examine(options) if certificate is None else _explain(options, certificate, at)
    )
    fit = all(finding.level is not Level.FAILED for finding in findings)
    options.show(
        {"fit": fit, "checks": [finding.facts() for finding in findings]},
        (finding.line() for finding in findings),
    )
    if not fit:
        context.exit(REFUSED)


def _examine(options: Options) -> Iterator[Finding]:
    try:
        settings = options.load_settings()
    except StartRefusedError as error:
        yield failed("configuration", "configuration_unfit", cause=error)
        return
    yield good("configuration", "configuration_ok", path=options.home / FILE_NAME)
    # TLS compares dates with the machine's clock, the hub what it enters with its own.
    yield from check_files(options.home, settings, SystemClock().now())
    yield from check_store(settings, SystemClock(settings.clock.offset_seconds).now())
    yield from check_serving(options, settings)


def _explain(options: Options, certificate: Path, at: datetime | None) -> Iterator[Finding]:
    settings = options.load_settings()
    now = SystemClock(settings.clock.offset_seconds).now()
    yield from explain_caller(settings, certificate, (at or now).astimezone(UTC))
