"""Any text as identifier: one token however it is typed, no error but MalformedError."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.cn import ric, uscc

from rongan_share.wire.identifiers import SPECS, Canonical, canonicalise, parse_identifier
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.tokens import Tokenizer
from rongan_share.wire.vocabulary import IdentifierType, Suite

# Seeded, and without a deadline: machines that run tests are shared.
SEEDED = settings(deadline=None, derandomize=True, database=None)
THOROUGH = settings(SEEDED, max_examples=400)

TOKENIZER = Tokenizer(Suite.HMAC_SHA256, bytes(range(32)))
LATIN_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
SHORTEST_TELLING = 7
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
TYPES = st.sampled_from(sorted(SPECS))
SAMPLES = st.sampled_from(
    [
        "11010519491231002X",
        "110105491231002",
        "784-1990-1234567-1",
        "91110000600037341L",
        "6222020402000000016",
        "+86 138-0013-8000",
        "工商银行\uff08中国\uff09有限公司",
        "張 三\u30fb買買提",
        "Société Générale S.A.",
        "faß.de",
        "xn--czr93rq40bruk.xn--fiqs8s",
        "John.Smith@Example.COM",
        "CHN",
        "がぎ\u3099\u30fc",
        "\u0627\u0644\u0639\u0631\u0628\u064a\u0629",
        "\u0390\u01f0\u0149\ufb01\u1e9e",
    ]
)
PIECES = st.text(max_size=40) | SAMPLES | st.text("0123456789Xx-+ .@|()a中", max_size=24)
TEXTS = st.builds("".join, st.lists(PIECES, max_size=3)) | PIECES


def _value(canonical: Canonical) -> str:
    return canonical.text.split("|", 2)[2]


@st.composite
def resident_ids(draw: st.DrawFn) -> str:
    """Makes a well-formed resident identity number with python-stdnum's check character."""
    birth = draw(st.dates(date(1900, 1, 1), date(2020, 12, 31)))
    order = draw(st.integers(1, 999))
    seventeen = f"{draw(st.sampled_from(['110105', '440524', '810000']))}{birth:%Y%m%d}{order:03d}"
    return seventeen + ric.calc_check_digit(seventeen + "0")


@st.composite
def credit_codes(draw: st.DrawFn) -> str:
    """Makes a well-formed social credit code with python-stdnum's check character."""
    region = draw(st.text(DIGITS, min_size=6, max_size=6))
    seventeen = "91" + region + draw(st.text(USCC_ALPHABET, min_size=9, max_size=9))
    return seventeen + uscc.calc_check_digit(seventeen)


@st.composite
def cards(draw: st.DrawFn) -> str:
    """Makes a card number with python-stdnum's check digit."""
    bare = draw(st.text(DIGITS, min_size=9, max_size=18))
    return bare + luhn.calc_check_digit(bare)


MOBILES = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
PASSPORTS = st.text(LATIN_UPPER + DIGITS, min_size=5, max_size=20)
ORGANISATIONS = st.text(LATIN_UPPER, min_size=2, max_size=12)
WELL_FORMED = (
    st.tuples(st.just(IdentifierType.CN_RID), st.tuples(resident_ids()))
    | st.tuples(st.just(IdentifierType.CN_USCC), st.tuples(credit_codes()))
    | st.tuples(st.just(IdentifierType.PAN), st.tuples(cards()))
    | st.tuples(st.just(IdentifierType.MSISDN), st.tuples(MOBILES))
    | st.tuples(st.just(IdentifierType.PASSPORT), st.tuples(st.just("CHN"), PASSPORTS))
    | st.tuples(st.just(IdentifierType.NAME_ID), st.tuples(ORGANISATIONS, resident_ids()))
)


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def _spelled(draw: st.DrawFn, text: str) -> str:
    """Writes one part in other width and case, with margins and invisible characters."""
    typed = "".join(
        character + draw(st.sampled_from(["", "", "", "\u200b", "\ufeff", "\ufe0f"]))
        for character in text
    )
    typed = draw(st.sampled_from([typed, typed.lower(), _wide(typed), _wide(typed.lower())]))
    margins = st.sampled_from(["", " ", "\u3000", "\u00a0"])
    return draw(margins) + typed + draw(margins)


@SEEDED
@given(data=st.data(), identifier=WELL_FORMED)
def test_spellings_share_one_token(
    data: st.DataObject, identifier: tuple[IdentifierType, tuple[str, ...]]
) -> None:
    """Width, case, margins and invisible characters must not change the token."""
    identifier_type, parts = identifier
    spelled = data.draw(st.composite(lambda draw: [_spelled(draw, part) for part in parts])())

    token = TOKENIZER.token(canonicalise(identifier_type, *parts))

    assert TOKENIZER.token(canonicalise(identifier_type, *spelled)) == token


@SEEDED
@given(number=resident_ids() | credit_codes() | cards(), data=st.data())
def test_separators_do_not_matter(number: str, data: st.DataObject) -> None:
    """Spaces and dashes of any kind within a number must not change the token."""
    for identifier_type in (IdentifierType.CN_RID, IdentifierType.CN_USCC, IdentifierType.PAN):
        try:
            plain = canonicalise(identifier_type, number)
        except MalformedError:
            continue
        at = data.draw(st.integers(0, len(number)))
        separator = data.draw(st.sampled_from([" ", "-", "\u2014", "\uff0d", "\u3000"]))
        typed = number[:at] + separator + number[at:]
        assert canonicalise(identifier_type, typed).text == plain.text


@SEEDED
@given(identifier=WELL_FORMED)
def test_oracle_check_digits_are_ok(identifier: tuple[IdentifierType, tuple[str, ...]]) -> None:
    """No number whose check digit python-stdnum made may be refused or doubted for it."""
    canonical = canonicalise(identifier[0], *identifier[1])

    assert "the check digit is wrong" not in canonical.remarks
    assert "the check character is wrong" not in canonical.remarks


@THOROUGH
@given(identifier_type=TYPES, first=TEXTS, second=TEXTS)
def test_canonical_of_canonical_is_itself(
    identifier_type: IdentifierType, first: str, second: str
) -> None:
    """Whatever is accepted must come back unchanged when typed in its canonical form."""
    parts = (first, second)[: len(SPECS[identifier_type].parts)]
    try:
        canonical = canonicalise(identifier_type, *parts)
    except MalformedError:
        return

    assert parse_identifier(identifier_type, _value(canonical)).text == canonical.text
    assert canonical.text.startswith(f"rs1|{identifier_type.name}|")
    assert canonical.text.count("|") == 1 + len(parts)
    canonical.text.encode()


@SEEDED
@given(name=TEXTS, document=st.just("A123456"))
def test_name_with_a_document_is_stable(name: str, document: str) -> None:
    """Any accepted name must be stable, in NFKC, and hold no character that NFKC would change."""
    try:
        canonical = canonicalise(IdentifierType.NAME_ID, name, document)
    except MalformedError:
        return

    assert unicodedata.is_normalized("NFKC", canonical.text)
    assert parse_identifier(IdentifierType.NAME_ID, _value(canonical)).text == canonical.text


@THOROUGH
@given(identifier_type=TYPES, text=TEXTS | st.text(st.characters(), max_size=1100))
def test_refusal_never_quotes_the_value(identifier_type: IdentifierType, text: str) -> None:
    """No input may raise anything but MalformedError, whose words depend on no input."""
    marked = f"7q{text}Zj4"
    for value in (text, marked):
        error = _refusal(identifier_type, value)
        if error is None:
            continue
        said = f"{error.field}: {error.rule}"
        assert str(error) in {said, f"{said} at position {error.position}"}
        assert said.isascii()
        assert "7q" not in said
        assert "Zj4" not in said
        # Shorter values may be words of a rule by chance.
        assert len(value) < SHORTEST_TELLING or value not in said
        assert error.__context__ is None
        assert error.__cause__ is None


def _refusal(identifier_type: IdentifierType, value: str) -> MalformedError | None:
    try:
        parse_identifier(identifier_type, value)
    except MalformedError as error:
        return error
    return None


@pytest.mark.parametrize("digit", ["\uff12", "\u00b2", "\u0662", "\u0968"])
def test_only_digits_that_fold_to_ascii_count(digit: str) -> None:
    """A digit of another script must be refused or folded, never kept as it is."""
    try:
        canonical = canonicalise(IdentifierType.PAN, f"411111111111111{digit}")
    except MalformedError:
        return

    assert canonical.text.isascii()
