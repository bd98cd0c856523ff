"""``rongan listing``: what this institution shares now."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import click

from partner_sdk.cli.messages import say
from partner_sdk.cli.questions import read_codes
from partner_sdk.cli.settings import Settings, example, json_option, print_json
from partner_sdk.cli.whole_file import verify_output, whole_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from partner_sdk.client import Client
    from partner_sdk.own_listings import OwnListing

COLUMNS = ("reference", "category", "expiry_date", "listing_id")
"""Columns of the output. The hub holds no identifiers, so there is none to show."""

_LINE = "{:<32}  {:<8}  {:<10}  {}"
"""A reference is 32 hexadecimal digits, a date 10 characters."""


@click.group(help=say("help.listing"), epilog=example("rongan listing list --category A2"))
def listing() -> None:
    """Holds the verbs."""


@listing.command(
    "list",
    help=say("help.listing_list"),
    epilog=example("rongan listing list --category A2,G2 -o listings.csv"),
)
@click.option(
    "--category",
    "codes",
    callback=read_codes,
    metavar="CODES",
    help=say("help.listing_category"),
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help=say("help.listing_output"),
)
@json_option
@click.pass_obj
def list_listings(settings: Settings, *, codes: tuple[str, ...], output: Path | None) -> None:
    """Turns all pages and prints or writes what they hold, as it comes."""
    with settings.connect() as client:
        wanted = _wanted(client, codes)
        if output is not None:
            count = _write(wanted, output)
            facts = {"listings": count, "output": str(output)}
            settings.show(facts, [("listings", count), ("written", output)])
        elif settings.as_json:
            for one in wanted:
                print_json(_facts(one))
        else:
            _print(wanted)


def _wanted(client: Client, codes: tuple[str, ...]) -> Iterator[OwnListing]:
    # A code that does not exist is refused, else it would read as "no such listings".
    client.taxonomy().bits_of(codes)
    return (one for one in client.own_listings() if not codes or one.category in codes)


def _write(listings: Iterable[OwnListing], output: Path) -> int:
    verify_output(output)
    count = 0
    with whole_file(output) as opened:
        writer = csv.writer(opened)
        writer.writerow(COLUMNS)
        for one in listings:
            writer.writerow(_cells(one))
            count += 1
    return count


def _print(listings: Iterable[OwnListing]) -> None:
    count = 0
    for one in listings:
        if not count:
            click.echo(_LINE.format(*COLUMNS))
        click.echo(_LINE.format(*(str(cell) for cell in _cells(one))))
        count += 1
    click.echo(f"{say('listings')}  {count}")


def _cells(one: OwnListing) -> tuple[object, ...]:
    return one.reference.hex(), one.category, one.expiry_date or "", one.listing_id


def _facts(one: OwnListing) -> dict[str, object]:
    return {
        "reference": one.reference.hex(),
        "category": one.category,
        "expiry_date": one.expiry_date.isoformat() if one.expiry_date else None,
        "listing_id": one.listing_id,
    }
