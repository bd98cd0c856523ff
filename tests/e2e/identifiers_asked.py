"""Identifiers for end-to-end tests: well-formed random ones, and files of listings."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

from partner_sdk.columns import Frame
from partner_sdk.sources.rows import COLUMNS
from rongan_share.wire.identifiers import aliases_of, parse_identifier
from rongan_share.wire.tokens import Tokenizer
from rongan_share.wire.vocabulary import IdentifierType
from tests.support.processes import days_ahead

Identifier = tuple[str, str]
"""Name of a type, and a value as people write it."""

_BINS = ("622202", "621700", "623058", "405512", "518710")
_MOBILE = ("130", "135", "138", "150", "159", "176", "186", "199")
_PROVINCES = ("110105", "310101", "440106", "510104", "610102")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def random_identifiers(rng: random.Random, count: int) -> Iterator[Identifier]:
    """Yields bank cards, mobile numbers and resident identity numbers, all with right checks."""
    makers = (("PAN", bank_card), ("MSISDN", mobile_number), ("CN_RID", resident_number))
    for _ in range(count):
        name, make = rng.choice(makers)
        yield name, make(rng)


def bank_card(rng: random.Random) -> str:
    """Makes a card number that ends in the digit of ISO/IEC 7812 (Luhn)."""
    body = rng.choice(_BINS) + f"{rng.randrange(10**12):012d}"
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(body)))
    total = sum(each - 9 if each > 9 else each for each in doubled)
    return f"{body}{-total % 10}"


def mobile_number(rng: random.Random) -> str:
    """Makes a mobile number."""
    return rng.choice(_MOBILE) + f"{rng.randrange(10**8):08d}"


def resident_number(rng: random.Random) -> str:
    """Makes a number that ends in the check character of GB 11643."""
    born = f"{rng.randint(1940, 2005)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
    body = f"{rng.choice(_PROVINCES)}{born}{rng.randrange(1_000):03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


def frames_of(
    identifiers: Iterable[Identifier], tokenizer: Tokenizer, *, subjects: int
) -> Iterator[Frame]:
    """Makes frames in which each identifier with its aliases is one subject."""
    waiting: list[Identifier] = []
    for identifier in identifiers:
        waiting.append(identifier)
        if len(waiting) == subjects:
            yield frame_of(waiting, tokenizer)
            waiting.clear()
    if waiting:
        yield frame_of(waiting, tokenizer)


def frame_of(identifiers: Iterable[Identifier], tokenizer: Tokenizer) -> Frame:
    """Makes one frame."""
    canonicals, ends = [], []
    for name, value in identifiers:
        canonical = parse_identifier(IdentifierType[name], value)
        canonicals += [canonical, *aliases_of(canonical)]
        ends.append(len(canonicals))
    return Frame(
        tokens=tokenizer.tokens(canonical.text for canonical in canonicals),
        types=bytes(canonical.type for canonical in canonicals),
        subject_end=tuple(ends),
    )


def write_questions(file: Path, identifiers: Iterable[Identifier]) -> None:
    """Writes a file for `rongan batch`."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(("type", "value"))
        writer.writerows(identifiers)


def write_sites(file: Path, count: int, rng: random.Random) -> list[Identifier]:
    """Writes listings of sites of several categories, severities, ends and flags; returns them."""
    sites = [f"shop-{number}.example" for number in range(count)]
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, COLUMNS, restval="")
        writer.writeheader()
        for site in sites:
            for category in rng.choice((("A2",), ("G2",), ("A2", "G2"))):
                writer.writerow(
                    {
                        "reference": f"case of {site}",
                        "type": "DOMAIN",
                        "value": site,
                        "category": category,
                        "severity": str(rng.randint(1, 3)),
                        "evidence": "VERIFIED",
                        "source_class": "PEER_DOMESTIC",
                        "legal_basis": "ANTI_TELECOM_FRAUD_LAW",
                        "expiry_date": days_ahead(rng.randint(2, 25)),
                        "flags": rng.choice(("", "WEAK", "SUSPECT", "WEAK+SUSPECT")),
                    }
                )
    return [("DOMAIN", site) for site in sites]
