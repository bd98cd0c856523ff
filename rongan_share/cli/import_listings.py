"""``rongan-hub import``: millions of listings from a file, all visible at once."""

from __future__ import annotations

from pathlib import Path

import click

from partner_sdk.cli.settings import example
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options

_FORMATS = ("csv", "parquet", "packed")


@click.command(
    "import",
    help=say("help.import"),
    epilog=example("rongan-hub --home hub --as alice import --partner bank-a listings.parquet"),
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--partner", "partner_id", required=True, metavar="ID", help=say("help.import_for"))
@click.option(
    "--format", "kind", type=click.Choice(_FORMATS), default=None, help=say("help.import_format")
)
@click.option("--dry-run", is_flag=True, help=say("help.import_dry_run"))
@click.option("--abandon", is_flag=True, help=say("help.import_abandon"))
@click.option("--consent", is_flag=True, help=say("help.import_consent"))
@shared_options()
@click.pass_obj
def import_listings(
    options: Options,
    file: Path,
    *,
    partner_id: str,
    kind: str | None,
    dry_run: bool,
    abandon: bool,
    consent: bool,
) -> None:
    """Checks, stages and commits; goes on where it was broken off."""
    if not (dry_run or abandon or options.operator):
        raise click.UsageError(say("missing_operator"))
    # It loads compiled look-ups, for which every other command would wait.
    from rongan_share.cli.importing.running import Wanted, import_file  # noqa: PLC0415

    wanted = Wanted(
        partner_id=partner_id, kind=kind, dry_run=dry_run, abandon=abandon, consent=consent
    )
    import_file(options, file, wanted)
