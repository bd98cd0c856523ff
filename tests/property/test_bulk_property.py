"""Tokens made as columns are those made one by one, and so are grades and refusals."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partner_sdk.bulk import Reject, TokenColumns, tokenise_columns
from rongan_share.wire.identifiers import Grade, parse_identifier
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.tokens import Tokenizer
from rongan_share.wire.vocabulary import IdentifierType, RowFlag, Suite
from tests.property.well_formed import TYPES, Identifier, spelled_twice, wide

SEEDED = settings(deadline=None, derandomize=True, database=None, max_examples=150)
TOKENIZERS = {suite: Tokenizer(suite, bytes(range(32))) for suite in Suite}
TODAY = date(2026, 11, 24)
Row = tuple[str, str]
"""Name of a type, and a value as typed."""

SAMPLES = {
    "PAN": ["6222020402000000016", "4111111111111111", "622202040200000"],
    "ACCT": ["6222020402000000016", "102100099996|6222020402000000016", "123456"],
    "MSISDN": ["13800138000", "+8613800138000", "8613800138000", "008613800138000", "+4479460958"],
    "CN_RID": ["11010519491231002X", "110105491231002", "810000199408230021", "110105200002290013"],
    "CN_USCC": ["91110000600037341L", "911100006000373411"],
    "ORG_NAME": [
        "工商银行\uff08中国\uff09有限公司",
        "Acme Co., Ltd.",
        "Acme (China) Ltd",
        "甲(乙)(丙)公司",
        "\u9ad9岛屋",
        "A中B",
        "()",
        "中",
    ],
    "PERSON_NAME": ["张三", "張三豐", "买买提·阿里", "John Smith", "\u9ad9"],
    "DOMAIN": ["a.example", "WWW.Example.COM", "xn--czr93rq40bruk.xn--fiqs8s", "1.2", "a-b.c1-d"],
    "EMAIL": ["John.Smith@example.com", "j+s@x.example", "j..s@x.example", "j@Example.com"],
    "NAME_ID": ["张三|11010519491231002X", "张三|110105491231002", "张三|12345", "\u9ad9|K1234567"],
    "PASSPORT": ["CHN|E12345678", "chn|e 1234 5678", "ZZZ|123456", "CHN|ABCDEF"],
    "NATIONAL_ID": ["HKG|A123456(3)", "HKG|A1234563", "ESP|12345678Z", "ESP|1234"],
    "TAX_ID": ["usa|123-45-6789", "USA|123456789", "XYZ|123456"],
    "BIC": ["ICBKCNBJ", "icbkcnbjxxx", "ICBKCNBJ300", "ICBKZZBJ"],
    "PHONE": [
        "010-62345678",
        "0310 3111111",
        "031031111112",
        "0310-3111111-2",
        "08676919388-1",
        "0862 2345678",
        "+861062345678",
        "4008008000",
    ],
    "MAC": [
        "00:50:12:ab:34:cd",
        "005012AB34CD",
        "00-50-12-ab-34-cd",
        "0050.12ab.34cd",
        "000000000000",
    ],
    "IP": ["8.8.8.8", "10.1.2.3", "198.51.100.7", "223.255.255.255", "2001:db8::1", "1.2.3.04"],
}
# What people and files put into identifiers, and what lies just outside of each rule.
STRAY = (
    "0123456789XxZzIi+-.@|()/_&%\t\n\0 "
    "\u3000\uff08\uff09\uff11\u200b\u00b7\u4e00\u9fa5\u9fa6\u9ad9\u00e9"
)


def _one_by_one(rows: Sequence[Row], tokenizer: Tokenizer, today: date | None) -> TokenColumns:
    tokens, types, flags, rejects = [], [], [], []
    for place, (name, text) in enumerate(rows):
        try:
            canonical = parse_identifier(IdentifierType[name], text, today=today)
        except MalformedError as error:
            rejects.append(Reject(place, error.field, error.rule, error.position))
            continue
        tokens.append(tokenizer.token(canonical))
        types.append(canonical.type)
        suspect = canonical.grade is Grade.SUSPECT
        flags.append(RowFlag.WEAK * canonical.weak | RowFlag.SUSPECT * suspect)
    return TokenColumns(0, len(rows), b"".join(tokens), bytes(types), bytes(flags), tuple(rejects))


def _as_columns(rows: Sequence[Row], tokenizer: Tokenizer, today: date | None) -> TokenColumns:
    values = [text for _, text in rows]
    return tokenise_columns(values, [name for name, _ in rows], tokenizer=tokenizer, today=today)


def _check_alike(rows: Sequence[Row], suite: Suite, today: date | None) -> None:
    tokenizer = TOKENIZERS[suite]
    assert _as_columns(rows, tokenizer, today) == _one_by_one(rows, tokenizer, today)


def _row(identifier: Identifier) -> Row:
    identifier_type, parts = identifier
    return identifier_type.name, "|".join(parts)


@SEEDED
@given(
    twice=st.lists(spelled_twice(), max_size=12),
    suite=st.sampled_from(Suite),
    today=st.sampled_from([None, TODAY]),
)
def test_well_formed_rows_of_all_types(
    twice: list[tuple[Identifier, Identifier]], suite: Suite, today: date | None
) -> None:
    """Every type, plain and as people write it, mixed in one column."""
    _check_alike([_row(identifier) for pair in twice for identifier in pair], suite, today)


@SEEDED
@given(
    rows=st.lists(
        st.tuples(TYPES.map(lambda member: member.name), st.text(max_size=30)), max_size=12
    )
)
def test_any_text_of_all_types(rows: list[Row]) -> None:
    """Any text at all, of any type."""
    _check_alike(rows, Suite.HMAC_SHA256, TODAY)


def _spoilt(text: str, chance: random.Random) -> str:
    characters = list(text)
    for _ in range(chance.randint(0, 2)):
        at = chance.randint(0, len(characters))
        characters[at : at + chance.randint(0, 1)] = chance.choice(STRAY + text)
    return "".join(characters)


@pytest.mark.parametrize("name", SAMPLES)
def test_neighbours_of_plain_values(name: str) -> None:
    """One or two characters off what is recognised as a column: 4,000 values of each such type."""
    chance = random.Random(name)
    rows = [(name, _spoilt(chance.choice(SAMPLES[name]), chance)) for _ in range(4_000)]
    _check_alike([*rows, *((name, text) for text in SAMPLES[name])], Suite.HMAC_SHA256, None)


def test_every_birth_date() -> None:
    """Dates that do not exist, leap days, years and regions at the edge; check digits are right."""
    chance = random.Random(20)
    rows = []
    for _ in range(20_000):
        region = f"{chance.randint(0, 99):02d}0105"
        year = chance.choice((0, 1899, 1900, 1999, 2000, 2024, 2026, 2027, 2099, 2100))
        birth = f"{year:04d}{chance.randint(0, 13):02d}{chance.randint(0, 32):02d}"
        bare = region + birth + f"{chance.choice((0, 1, 996, 999)):03d}"
        weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
        total = sum(weight * int(digit) for weight, digit in zip(weights, bare, strict=True))
        rows.append(("CN_RID", bare + "10X98765432"[total % 11]))
    for today in (None, TODAY):
        _check_alike(rows, Suite.HMAC_SHA256, today)


@pytest.mark.parametrize("name", sorted(IdentifierType.__members__))
def test_columns_in_full_width(name: str) -> None:
    """A whole column in full width, of which a URL is the one type that full width changes."""
    texts = SAMPLES.get(name, ["123456", "a b@c.example", "https://a.example/b"])
    typed = [wide(text) for text in texts] + [f"https://a.example/{wide(text)}" for text in texts]
    _check_alike([(name, text) for text in typed * 20], Suite.HMAC_SHA256, None)


def test_first_octets() -> None:
    """Every first octet, before networks of every kind."""
    rows = [
        ("IP", f"{first}.{rest}")
        for first in range(260)
        for rest in ("0.0.0", "0.0.1", "0.2.1", "51.100.1", "64.0.1", "168.1.1", "255.255.255")
    ]
    _check_alike(rows, Suite.HMAC_SHA256, None)


def test_lengths_at_the_edge() -> None:
    """Values as long as a rule allows, and one more or less."""
    lengths = (0, 1, 2, 5, 6, 9, 10, 19, 20, 32, 33, 63, 64, 65, 200, 201, 253, 254, 1024, 1025)
    texts = [letter * length for letter in "A1中 " for length in lengths]
    texts += [f"{'a' * length}@x.example" for length in lengths]
    texts += [f"{'a' * length}.example" for length in lengths]
    _check_alike([(name, text) for name in SAMPLES for text in texts], Suite.HMAC_SM3, TODAY)


def test_every_ascii_character() -> None:
    """Each ASCII character at the beginning, in the middle and at the end of each sample."""
    rows = [
        (name, text[:at] + chr(code) + text[at:])
        for name, texts in SAMPLES.items()
        for text in texts
        for at in (0, len(text) // 2, len(text))
        for code in range(128)
    ]
    _check_alike(rows, Suite.HMAC_SHA256, TODAY)
