"""``rongan-hub partner import``: many institutions at once, from a CSV file."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from partner_sdk.cli.settings import example
from partner_sdk.sources.rows import RowsRefusedError
from partner_sdk.sources.texts import MAPPING_ADVICE, Encoding, parse_encoding
from rongan_share.ca import Hierarchy
from rongan_share.cli.issuing import Issuing
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.cli.partner_certificates import CertificateFolders
from rongan_share.cli.partner_file import read_partners
from rongan_share.cli.partner_work import Work, carry_out, load_templates, plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(
    "import",
    help=say("help.partner_import"),
    epilog=example(
        "rongan-hub --home hub --as alice partner import partners.csv"
        " --agreements agreements --credentials credentials --dry-run"
    ),
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--encoding",
    default=Encoding.UTF_8.value,
    show_default=True,
    metavar="NAME",
    help=say("help.encoding"),
)
@click.option("--agreements", type=_FOLDER, default=None, help=say("help.agreements"))
@click.option("--credentials", type=_FOLDER, default=None, help=say("help.partner_folders"))
@click.option("--dry-run", is_flag=True, help=say("help.dry_run"))
@shared_options()
@click.pass_obj
def import_partners(
    options: Options,
    *,
    file: Path,
    encoding: str,
    agreements: Path | None,
    credentials: Path | None,
    dry_run: bool,
) -> None:
    """Checks all, then does what is left."""
    for name, folder in (("--agreements", agreements), ("--credentials", credentials)):
        if folder is not None and not folder.is_dir():
            raise click.BadParameter(say("no_folder"), param_hint=name)
    with _refusals():
        partners = read_partners(file, parse_encoding(encoding))
    templates = load_templates(agreements, partners)
    folders = None
    if credentials is not None:
        settings = options.load_settings()
        issuing = Issuing(Hierarchy(options.home), settings)
        folders = CertificateFolders(credentials, issuing, settings.trust_domain)
    with _refusals(), options.connect() as hub:
        works = plan(partners, templates, hub, folders=folders)
        if not dry_run:
            carry_out(works, hub, folders=folders)
    facts = {**_facts(works), "dry_run": dry_run}
    lines: list[tuple[str, object]] = list(_facts(works).items())
    if dry_run:
        lines.append(("", say("nothing_done")))
    elif facts["agreements_proposed"]:
        lines.append(("next", "rongan-hub --as OTHER agreement approve --all-proposed"))
    options.show(facts, lines)


@contextmanager
def _refusals() -> Iterator[None]:
    """Says that nothing was done, and how to go on after Ctrl-C."""
    try:
        yield
    except RowsRefusedError as error:
        # Of mappings this command knows nothing.
        error.problems = tuple(
            replace(each, rule=each.rule.replace(MAPPING_ADVICE, "or give --encoding gbk"))
            for each in error.problems
        )
        error.undone = "done"
        raise
    except KeyboardInterrupt:
        click.echo(say("partner_interrupted"), err=True)
        raise


def _facts(works: Sequence[Work]) -> dict[str, object]:
    return {
        "rows": len(works),
        "partners_added": sum(work.create for work in works),
        "agreements_proposed": sum(work.agreement is not None for work in works),
        "certificates_registered": sum(work.certificate for work in works),
        "rows_done_before": sum(not work.acts for work in works),
    }
