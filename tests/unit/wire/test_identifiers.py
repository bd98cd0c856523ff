"""Every identifier vector canonicalises, is flagged or is refused as it says, and nothing leaks."""

from __future__ import annotations

import json
import sys
import unicodedata
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from rongan_share.wire.identifiers import (
    SPECS,
    Canonical,
    Grade,
    aliases_of,
    canonicalise,
    parse_identifier,
)
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.normalise import Normalised
from rongan_share.wire.vocabulary import IdentifierType

VECTORS = Path(__file__).parents[2] / "vectors" / "identifiers.json"
CASES: list[dict[str, Any]] = json.loads(VECTORS.read_text("utf-8"))["cases"]
GOOD = [case for case in CASES if "canonical" in case]
MALFORMED = [case for case in CASES if "malformed" in case]


def _canonical(case: dict[str, Any]) -> Canonical:
    today = date.fromisoformat(case["today"]) if "today" in case else None
    return canonicalise(IdentifierType[case["type"]], *case["parts"], today=today)


def _name(case: dict[str, Any]) -> str:
    return f"{case['type']}-{CASES.index(case)}"


@pytest.mark.parametrize("case", GOOD, ids=_name)
def test_vector_reaches_its_canonical_form(case: dict[str, Any]) -> None:
    """A well-formed vector must give its canonical text, and SUSPECT exactly with its remarks."""
    canonical = _canonical(case)

    assert canonical.text == case["canonical"]
    assert canonical.remarks == tuple(case["remarks"])
    assert canonical.grade is (Grade.SUSPECT if case["remarks"] else Grade.OK)
    assert canonical.type is IdentifierType[case["type"]]


@pytest.mark.parametrize("case", MALFORMED, ids=_name)
def test_malformed_vector_names_its_rule(case: dict[str, Any]) -> None:
    """A malformed vector must be refused by the rule and at the position that it names."""
    with pytest.raises(MalformedError) as caught:
        _canonical(case)

    assert (caught.value.rule, caught.value.position) == (case["malformed"], case["position"])
    assert caught.value.field.split(".")[0] == case["type"]
    assert caught.value.__context__ is None


@pytest.mark.parametrize("case", [case for case in GOOD if "aliases" in case], ids=_name)
def test_vector_has_its_aliases(case: dict[str, Any]) -> None:
    """A vector that names aliases must have exactly those, weak exactly where it says so."""
    aliases = aliases_of(_canonical(case))

    assert [alias.text for alias in aliases] == case["aliases"]
    assert [alias.text for alias in aliases if alias.weak] == case.get("weak_aliases", [])


@pytest.mark.parametrize("case", GOOD, ids=_name)
def test_aliases_are_canonical(case: dict[str, Any]) -> None:
    """An alias must be what its own type makes of it, differ from the rest, and keep the doubts."""
    canonical = _canonical(case)
    aliases = aliases_of(canonical)

    assert len({canonical.text, *(alias.text for alias in aliases)}) == 1 + len(aliases)
    for alias in aliases:
        _, name, value = alias.text.split("|", 2)
        assert alias.type is IdentifierType[name]
        assert parse_identifier(alias.type, value).text == alias.text
        assert set(canonical.remarks) <= set(alias.remarks)
        assert alias.grade is (Grade.SUSPECT if alias.remarks else Grade.OK)


def test_only_person_names_are_weak_themselves() -> None:
    """A name alone identifies nobody; every other type does, and NAME_ID with its document."""
    weak = {case["type"] for case in GOOD if _canonical(case).weak}

    assert weak == {"PERSON_NAME"}


def test_types_without_a_rule_have_no_aliases() -> None:
    """A type without an alias rule must give no alias: both lengths of a CN_RID are one token."""
    assert aliases_of(canonicalise(IdentifierType.PAN, "4111111111111111")) == ()
    long, short = (
        canonicalise(IdentifierType.CN_RID, number)
        for number in ("11010519491231002X", "110105491231002")
    )
    assert long.text == short.text
    assert aliases_of(long) == aliases_of(short) == ()


def test_every_type_is_in_the_table() -> None:
    """No type that the wire numbers may lack its entry, and none may stand under another."""
    assert set(SPECS) == set(IdentifierType)
    assert all(spec.type is identifier_type for identifier_type, spec in SPECS.items())


@pytest.mark.parametrize("identifier_type", list(SPECS), ids=lambda member: member.name)
def test_each_type_has_good_and_malformed_vectors(identifier_type: IdentifierType) -> None:
    """Every entry of the table must be covered by a vector that passes and one that does not."""
    assert any(case["type"] == identifier_type.name for case in GOOD)
    assert any(case["type"] == identifier_type.name for case in MALFORMED)


def test_parse_splits_composites() -> None:
    """One text with bars must mean the same as separate parts."""
    parsed = parse_identifier(IdentifierType.PASSPORT, "chn|e12345678")

    assert parsed == canonicalise(IdentifierType.PASSPORT, "CHN", "E12345678")


def test_parse_refuses_a_bar_in_a_single_value() -> None:
    """A bar in a type of one part must be refused, not cut off."""
    with pytest.raises(MalformedError, match="needs the parts: number"):
        parse_identifier(IdentifierType.PAN, "4111111111111111|x")


def test_account_has_one_part_or_two() -> None:
    """The bank of an account may be left out, and nothing else may."""
    bank, account = "102100099996", "6222020402000000016"
    both = parse_identifier(IdentifierType.ACCT, f"{bank}|{account}")

    assert both.text == f"rs1|ACCT|{bank}|{account}"
    assert [alias.text for alias in aliases_of(both)] == [f"rs1|ACCT|{account}"]
    assert aliases_of(parse_identifier(IdentifierType.ACCT, account)) == ()
    for wrong in (f"{bank}|", f"|{account}", f"{bank}|{account}|1"):
        with pytest.raises(MalformedError):
            parse_identifier(IdentifierType.ACCT, wrong)


def test_parse_passes_the_day_on() -> None:
    """The day given to parse must grade future births as it does in canonicalise."""
    number = "130102209903070013"

    assert parse_identifier(IdentifierType.CN_RID, number).grade is Grade.OK
    later = parse_identifier(IdentifierType.CN_RID, number, today=date(2026, 1, 1))
    assert later.grade is Grade.SUSPECT


def test_birth_today_is_not_future() -> None:
    """A birth on the very day must be ok, one on the next day suspect."""
    number = "130102199003070011"

    def grade(today: date) -> Grade:
        return canonicalise(IdentifierType.CN_RID, number, today=today).grade

    assert grade(date(1990, 3, 7)) is Grade.OK
    assert grade(date(1990, 3, 6)) is Grade.SUSPECT


def test_error_names_the_part_of_a_composite() -> None:
    """A composite must say which of its parts is malformed."""
    with pytest.raises(MalformedError) as caught:
        canonicalise(IdentifierType.NAME_ID, "\u5f20\u4e09", "1")

    assert caught.value.field == "NAME_ID.document"


def test_repr_hides_the_value() -> None:
    """Neither a canonical identifier nor a normalised part may show its value."""
    canonical = canonicalise(IdentifierType.CN_RID, "11010519491231002X")

    assert "1101" not in repr(canonical)
    assert "1101" not in repr(Normalised("1101", ("doubt",)))


def test_table_cannot_be_changed() -> None:
    """The table must be read-only: both sides rely on it being the same everywhere."""
    with pytest.raises(TypeError):
        SPECS[IdentifierType.IBAN] = SPECS[IdentifierType.PAN]  # type: ignore[index]


def test_every_spelling_of_the_bar_is_refused() -> None:
    """No character that NFKC turns into a bar may slip a bar into a part."""
    bars = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if "|" in unicodedata.normalize("NFKC", character)
    ]

    for bar in bars:
        with pytest.raises(MalformedError, match="separates parts at position 1"):
            canonicalise(IdentifierType.ORG_NAME, f"A{bar}B")
