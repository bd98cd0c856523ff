"""Makes a file of 1,478 partners: `python -m examples.partners.make_partners DIR`.

1,409 as one province signed in 2020 (1,340 enterprises and 69 banks), and 69 banks more. They are
made up; the same seed makes the same file. With `--certificates HOME` each also gets a key and a
certificate from the client authority of a test hub's home.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from examples.partners.names import BANKS, COUNTIES, DESKS, ENTERPRISES, MARKS, TRADES
from partner_sdk import make_key_and_request
from partner_sdk.credentials import CERTIFICATE_FILE
from partner_sdk.enrolment import REQUEST_FILE
from rongan_share.ca import (
    Hierarchy,
    Holder,
    ProfileName,
    check_request,
    encode_chain,
    issue_leaf,
    load_profile,
)
from rongan_share.cli.new_file import new_file
from rongan_share.cli.rehearsal import issue_clock
from rongan_share.config import load_settings

SEED = 2020
BANKS_SIGNED, ENTERPRISES_SIGNED, BANKS_LATER = 69, 1_340, 69
COUNT = BANKS_SIGNED + ENTERPRISES_SIGNED + BANKS_LATER
FILE = "partners.csv"
FOLDER = "credentials"
"""Below the folder that is written: a folder for each partner."""

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_MODULUS = 31


@dataclass(frozen=True, slots=True)
class MadeUp:
    """One institution, its fields in the order of the file's columns."""

    partner: str
    kind: str
    name: str
    english_name: str
    credit_code: str
    region: str
    contact: str
    agreement: str


def make_partners(seed: int = SEED) -> list[MadeUp]:
    """Makes all of them, each name and each credit code once."""
    source = random.Random(seed)  # noqa: S311 - the same seed must make the same file
    kinds = ["bank"] * BANKS_SIGNED + ["enterprise"] * ENTERPRISES_SIGNED + ["bank"] * BANKS_LATER
    names, made = set[str](), []
    for number, kind in enumerate(kinds, start=1):
        region, name, english = _name(source, kind)
        while name in names:
            region, name, english = _name(source, kind)
        names.add(name)
        made.append(
            MadeUp(
                partner=f"{kind}-{number:04d}",
                kind=kind,
                name=name,
                english_name=english,
                credit_code=_credit_code(source, region, number),
                region=region,
                contact=f"{source.choice(DESKS)} 0311-5550{number:04d}",
                agreement=kind,
            )
        )
    return made


def write_partners(path: Path, partners: Sequence[MadeUp]) -> None:
    """Writes the file that `rongan-hub partner import` reads."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(MadeUp))
        writer.writerows(astuple(partner) for partner in partners)


def make_certificates(folder: Path, partners: Sequence[MadeUp], home: Path) -> Iterator[Path]:
    """Makes a key, a request and a certificate for each that has no certificate yet.

    For test networks only: in service a partner makes its key, and nobody else ever sees it.

    Yields:
        The folder of each partner.
    """
    settings, issuer = load_settings(home), Hierarchy(home).client_authority.load()
    clock, profile = issue_clock(settings.clock.offset_seconds), load_profile(ProfileName.PARTNER)
    for partner in partners:
        place = folder / partner.partner
        certificate, request = place / CERTIFICATE_FILE, place / REQUEST_FILE
        if not request.exists():
            make_key_and_request(place, partner.partner)
        if not certificate.exists():
            checked = check_request(request.read_bytes(), profile=profile)
            holder = Holder(settings.trust_domain, partner.partner)
            leaf = issue_leaf(
                issuer, checked.public_key, holder=holder, profile=profile, now=clock.now()
            )
            with new_file(certificate) as opened:
                opened.write(encode_chain(leaf, issuer.certificate))
        yield place


def main() -> None:
    """Reads the command line and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write; made if it does not exist")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--certificates", type=Path, metavar="HOME", help="home of a test hub")
    arguments = parser.parse_args()
    partners = make_partners(arguments.seed)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    write_partners(arguments.folder / FILE, partners)
    print(f"{len(partners)} partners in {arguments.folder / FILE}")
    if arguments.certificates is not None:
        made = list(make_certificates(arguments.folder / FOLDER, partners, arguments.certificates))
        print(f"{len(made)} certificates in {arguments.folder / FOLDER}", file=sys.stdout)


def _name(source: random.Random, kind: str) -> tuple[str, str, str]:
    region, *place = source.choice(COUNTIES)
    mark, trade = source.choice(MARKS), source.choice(TRADES)
    chinese, english = source.choice(BANKS if kind == "bank" else ENTERPRISES)
    return (
        region,
        chinese.format(place[0], mark[0], trade[0]),
        english.format(place[1], mark[1], trade[1]),
    )


def _credit_code(source: random.Random, region: str, number: int) -> str:
    """Makes a code: a company's mark, the region, an organisation's number, the check character.

    Source: GB 32100-2015 with Amendment 1.
    """
    body = f"91{region}MA{source.choice(_ALPHABET)}{number:05d}"
    body += source.choice(_ALPHABET)
    total = sum(pow(3, place, _MODULUS) * _ALPHABET.index(each) for place, each in enumerate(body))
    return body + _ALPHABET[-total % _MODULUS]


if __name__ == "__main__":
    main()
