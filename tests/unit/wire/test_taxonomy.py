"""The packaged taxonomy is the one agreed on, and no malformed one gets in."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.taxonomy import (
    Category,
    Taxonomy,
    packaged_taxonomy,
    parse_taxonomy,
)
from rongan_share.wire.vocabulary import Evidence, IdentifierType, Purpose, SourceClass

GOLDEN_BITS = {
    "A1": 0, "A2": 1, "A3": 2, "A4": 3, "A5": 4,
    "B1": 5, "B2": 6, "B3": 7, "B4": 8, "B5": 9, "B6": 10,
    "C1": 11, "C2": 12, "C3": 13,
    "D1": 14, "D2": 15,
    "E1": 16, "E2": 17, "E3": 18, "E4": 19, "E5": 20, "E6": 21,
    "F1": 22, "F2": 23, "F3": 24, "F4": 25,
    "G1": 26, "G2": 27,
    "H1": 28, "H2": 29,
    "W1": 30,
}  # fmt: skip
"""Bits stand in journals and audit entries for ever: a change here is never right."""

UNTIL_WITHDRAWN = {"A1", "C2", "C3", "D1", "E1", "E2", "E3", "E4", "E5", "E6", "W1"}

SMALL = """\
version = 7

[[category]]
code = "A1"
bit = 5
name_zh = "涉案账户"
name_en = "Case account"
subject_types = ["ACCT", "PAN"]
purposes = ["ANTI_FRAUD", "PUBLIC_INQUIRY"]
default_severity = 3
maximum_severity = 3
public = true
shareable = true
expiry_cap_days = 90
expiry_optional = false
expiry_rule = "short"
evidence_required = "VERIFIED"

[[category]]
code = "W1"
bit = 2
name_zh = "白名单"
name_en = "Allowlist"
subject_types = "ANY"
purposes = ["ANTI_FRAUD", "PUBLIC_INQUIRY"]
default_severity = 1
maximum_severity = 1
public = false
shareable = true
expiry_cap_days = 0
expiry_optional = true
expiry_rule = "short"
evidence_required = "LEAD"

[[expiry_rule]]
id = "short"
sentence = "Ninety days."
source = "Made up."

[confidence]
""" + "\n".join(
    f"{source_class.name} = {{ LEAD = 1, TO_BE_VERIFIED = 2, VERIFIED = 3, "
    "AUTHORITY_DETERMINED = 4 }"
    for source_class in SourceClass
)


def packaged_text() -> str:
    """The file as shipped."""
    return files("rongan_share.wire").joinpath("taxonomy.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    """The taxonomy as shipped."""
    return packaged_taxonomy()


def test_bits_are_those_assigned(taxonomy: Taxonomy) -> None:
    """Every category exists, under the bit that it was given once."""
    bits = {category.code: category.bit for category in taxonomy.categories}
    assert bits == GOLDEN_BITS
    assert sorted(GOLDEN_BITS.values()) == [category.bit for category in taxonomy.categories]
    assert taxonomy.version == 1


def test_only_three_categories_are_public(taxonomy: Taxonomy) -> None:
    """The public edition sees A1, A2 and C1, and an inquiry of the public may ask for no other."""
    assert [c.code for c in taxonomy.categories if c.public] == ["A1", "A2", "C1"]
    asked = taxonomy.codes_of(taxonomy.bits_for_purpose(Purpose.PUBLIC_INQUIRY))
    assert asked == ("A1", "A2", "C1", "W1")


def test_public_categories_take_no_bare_names_of_persons(taxonomy: Taxonomy) -> None:
    """A name alone is never shown to the public, nor may it put namesakes on the allowlist."""
    for category in taxonomy.categories:
        if category.public or category.code == "W1":
            assert IdentifierType.PERSON_NAME not in category.subject_types


def test_only_suspicion_of_laundering_is_not_shareable(taxonomy: Taxonomy) -> None:
    """E6 is known, so that it can be refused by name, and never shared."""
    assert taxonomy.codes_of(taxonomy.known_bits & ~taxonomy.shareable_bits) == ("E6",)


def test_family_e_survives_the_allowlist(taxonomy: Taxonomy) -> None:
    """The allowlist hides neither terrorism nor sanctions."""
    expected = ("E1", "E2", "E3", "E4", "E5", "E6")
    assert expected == taxonomy.codes_of(taxonomy.never_hidden_bits)
    assert taxonomy.allowlist_bit == 30
    assert taxonomy.by_code("E1").evidence_required is Evidence.AUTHORITY_DETERMINED


def test_expiry_is_mandatory_unless_an_issuer_ends_it(taxonomy: Taxonomy) -> None:
    """Day 0 is allowed only where an authority, issuer or operator lifts; all else has a cap."""
    optional = {c.code for c in taxonomy.categories if c.expiry_optional}
    assert optional == UNTIL_WITHDRAWN
    assert optional == {c.code for c in taxonomy.categories if c.expiry_cap_days == 0}


def test_binding_lists_are_absolute(taxonomy: Taxonomy) -> None:
    """Only E1 to E3 are an absolute ban by default."""
    assert [c.code for c in taxonomy.categories if c.default_severity == 4] == ["E1", "E2", "E3"]


def test_allowlist_and_disputes_work_for_all(taxonomy: Taxonomy) -> None:
    """W1 works for every purpose; a dispute may look at all that is shared."""
    assert taxonomy.by_code("W1").purposes == frozenset(Purpose)
    assert taxonomy.bits_for_purpose(Purpose.DISPUTE_HANDLING) == taxonomy.shareable_bits


@pytest.mark.parametrize("family", ["E", "H"])
def test_lists_and_own_decisions_take_any_identifier(taxonomy: Taxonomy, family: str) -> None:
    """Families E and H may be said of whatever identifies."""
    for category in taxonomy.categories:
        if category.family == family:
            assert frozenset(IdentifierType) == category.subject_types


def test_every_expiry_rule_is_used(taxonomy: Taxonomy) -> None:
    """A rule that no category names would be a rule that nobody keeps."""
    assert {r.id for r in taxonomy.expiry_rules} == {c.expiry_rule for c in taxonomy.categories}


def test_texts_carry_no_folded_lines(taxonomy: Taxonomy) -> None:
    """Long sentences of the file are one line with single spaces once read."""
    for rule in taxonomy.expiry_rules:
        assert " ".join(rule.sentence.split()) == rule.sentence
        assert " ".join(rule.source.split()) == rule.source


def test_confidence_is_indexed_by_the_numbers_of_the_wire(taxonomy: Taxonomy) -> None:
    """Base confidence is complete, within 0 to 100, and rises with the evidence."""
    table = taxonomy.base_confidence
    assert len(table) == max(SourceClass) + 1
    assert set(table[0]) == {0}
    for source_class in SourceClass:
        row = table[source_class]
        assert len(row) == max(Evidence) + 1
        assert row[0] == 0
        assert list(row[1:]) == sorted(set(row[1:]))
        assert row[-1] <= 100
    assert table[SourceClass.COURT][Evidence.AUTHORITY_DETERMINED] == 99


def test_bits_and_codes_are_two_spellings(taxonomy: Taxonomy) -> None:
    """Codes to bits and back is the same set, in the order of bits."""
    assert taxonomy.bits_of(["E4", "A1"]) == 1 << 19 | 1
    assert taxonomy.codes_of(1 << 19 | 1) == ("A1", "E4")
    assert taxonomy.bits_of(GOLDEN_BITS) == taxonomy.known_bits == (1 << 31) - 1
    assert taxonomy.codes_of(0) == ()


def test_unknown_bit_is_shown_not_dropped(taxonomy: Taxonomy) -> None:
    """A bit of a newer hub keeps a name, so that it cannot read as not listed."""
    assert taxonomy.codes_of(1 << 63 | 1) == ("A1", "bit63")


@pytest.mark.parametrize("bits", [-1, 1 << 64])
def test_bits_beyond_the_wire_are_refused(taxonomy: Taxonomy, bits: int) -> None:
    """A set of bits is an unsigned 64-bit number."""
    with pytest.raises(MalformedError, match="category_bits"):
        taxonomy.codes_of(bits)


def test_unknown_codes_and_bits(taxonomy: Taxonomy) -> None:
    """Getting an unknown category raises without repeating it, finding it gives None."""
    assert taxonomy.find_code("Z9") is None
    with pytest.raises(MalformedError) as by_code:
        taxonomy.by_code("Z9")
    assert "Z9" not in str(by_code.value)
    with pytest.raises(MalformedError):
        taxonomy.by_bit(63)
    with pytest.raises(MalformedError) as bits_of:
        taxonomy.bits_of(["A1", "Z9"])
    assert bits_of.value.position == 1


def test_categories_come_ordered_by_bit() -> None:
    """The order of the file does not matter."""
    taxonomy = parse_taxonomy(SMALL)
    assert [c.code for c in taxonomy.categories] == ["W1", "A1"]
    assert taxonomy.by_bit(5) is taxonomy.by_code("A1")
    assert taxonomy.allowlist_bit == 2
    assert taxonomy.version == 7


COLUMNS = [name for name in Category.__dataclass_fields__ if name != "code"]


@pytest.mark.parametrize("column", COLUMNS)
def test_missing_column_is_named(column: str) -> None:
    """A category lacks no column."""
    with pytest.raises(MalformedError) as refusal:
        parse_taxonomy(re.sub(rf"(?m)^{column} = .*\n", "", SMALL, count=1))
    assert (refusal.value.field, refusal.value.rule) == (f"A1.{column}", "is missing")


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('code = "A1"\n', "", "category[0].code"),
        ('code = "A1"', "code = 1", "category[0].code"),
        ('code = "A1"', 'code = "A10"', "A10.code"),
        ('code = "A1"', 'code = "a1"', "a1.code"),
        ('code = "A1"', 'code = "W1"', "W1.code"),
        ('code = "W1"', 'code = "B1"', "B1.purposes"),
        ("bit = 5", "bit = 2", "W1.bit"),
        ("bit = 5", "bit = 64", "A1.bit"),
        ("bit = 5", "bit = -1", "A1.bit"),
        ("bit = 5", "bit = true", "A1.bit"),
        ("bit = 5", "bit = 5.0", "A1.bit"),
        ('name_zh = "涉案账户"', 'name_zh = " "', "A1.name_zh"),
        ('name_en = "Case account"', "name_en = []", "A1.name_en"),
        ('["ACCT", "PAN"]', '["ACCT", "CARD"]', "A1.subject_types"),
        ('["ACCT", "PAN"]', '["ACCT", "ACCT"]', "A1.subject_types"),
        ('["ACCT", "PAN"]', '["ANY"]', "A1.subject_types"),
        ('["ACCT", "PAN"]', '"ACCT"', "A1.subject_types"),
        ('["ACCT", "PAN"]', "[]", "A1.subject_types"),
        ('["ACCT", "PAN"]', "[12]", "A1.subject_types"),
        ('["ANTI_FRAUD", "PUBLIC_INQUIRY"]', '["LENDING"]', "A1.purposes"),
        ('["ANTI_FRAUD", "PUBLIC_INQUIRY"]', '["ANTI_FRAUD"]', "A1.public"),
        ("default_severity = 3", "default_severity = 4", "A1.default_severity"),
        ("default_severity = 3", "default_severity = 0", "A1.default_severity"),
        ("maximum_severity = 3", "maximum_severity = 5", "A1.maximum_severity"),
        ("public = true", "public = 1", "A1.public"),
        ("public = true", "public = false", "A1.purposes"),
        ("shareable = true", "shareable = false", "A1.public"),
        ("shareable = true", 'shareable = "yes"', "A1.shareable"),
        ("expiry_cap_days = 90", "expiry_cap_days = 65536", "A1.expiry_cap_days"),
        ("expiry_optional = false", "expiry_optional = true", "A1.expiry_cap_days"),
        ("expiry_optional = false", "expiry_optional = 0", "A1.expiry_optional"),
        ('expiry_rule = "short"', 'expiry_rule = "long"', "A1.expiry_rule"),
        ('evidence_required = "VERIFIED"', "evidence_required = 3", "A1.evidence_required"),
        ('evidence_required = "VERIFIED"', 'evidence_required = "RUMOUR"', "A1.evidence_required"),
        ("bit = 5", "bit = 5\ncolour = 1", "A1.colour"),
        ("version = 7", "version = 0", "taxonomy.version"),
        ("version = 7", "version = 4294967296", "taxonomy.version"),
        ("version = 7\n", "", "taxonomy.version"),
        ("version = 7", "version = 7\nextra = 1", "taxonomy.extra"),
        ("version = 7", "version =", "taxonomy"),
        ('id = "short"\n', "", "expiry_rule[0].id"),
        ('source = "Made up."\n', "", "expiry_rule.short.source"),
        (
            "[confidence]",
            '[[expiry_rule]]\nid = "short"\nsentence = "Again."\nsource = "Here."\n[confidence]',
            "expiry_rule.short.id",
        ),
        ("POLICE = {", "GOSSIP = {", "confidence.POLICE"),
        ("POLICE = { LEAD = 1, ", "POLICE = { ", "confidence.POLICE.LEAD"),
        ("POLICE = { LEAD = 1, ", "POLICE = { LEAD = 101, ", "confidence.POLICE.LEAD"),
        ("POLICE = { LEAD = 1, ", "POLICE = { LEAD = 9, ", "confidence.POLICE.TO_BE_VERIFIED"),
        ("POLICE = { LEAD = 1, ", "GOSSIP = 1\nPOLICE = { LEAD = 1, ", "confidence.GOSSIP"),
        (
            "MODEL = { LEAD = 1, TO_BE_VERIFIED = 2, VERIFIED = 3, AUTHORITY_DETERMINED = 4 }",
            "MODEL = 5",
            "confidence.MODEL",
        ),
    ],
)
def test_malformed_taxonomy_is_refused(old: str, new: str, field: str) -> None:
    """What is wrong is named by category and column."""
    assert old in SMALL
    with pytest.raises(MalformedError) as refusal:
        parse_taxonomy(SMALL.replace(old, new, 1))
    assert field == refusal.value.field


def test_taxonomy_without_allowlist_is_refused() -> None:
    """The fold relies on the allowlist's bit, so there must be one."""
    without = re.sub(r'(?s)\[\[category\]\]\ncode = "W1".*?(?=\[\[expiry_rule)', "", SMALL)
    with pytest.raises(MalformedError) as refusal:
        parse_taxonomy(without)
    assert refusal.value.field == "W1"


@pytest.mark.parametrize("key", ["category", "expiry_rule"])
def test_rows_must_be_tables(key: str) -> None:
    """A list of something else is refused, not tripped over."""
    rest = re.sub(rf"(?s)\[\[{key}\]\].*?(?=\n\[\[?(?!{key}))", "", SMALL)
    with pytest.raises(MalformedError) as refusal:
        parse_taxonomy(f"{key} = [1]\n{rest}")
    assert refusal.value.field == f"{key}[0]"


def test_no_purpose_is_about_lending() -> None:
    """Judging credit standing needs a licence: no purpose and no category offers it."""
    names = " ".join(Purpose.__members__).upper()
    assert not re.search("LEND|LOAN|CREDIT", names)
    assert not re.search("LENDING|LOAN", re.sub(r"(?m)^#.*$", "", packaged_text()).upper())
