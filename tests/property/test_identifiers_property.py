"""Any text as identifier: one token however it is typed, no error but MalformedError."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rongan_share.wire.identifiers import (
    SPECS,
    Canonical,
    aliases_of,
    canonicalise,
    parse_identifier,
)
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.tokens import Tokenizer
from rongan_share.wire.vocabulary import IdentifierType, Suite
from tests.property.well_formed import PARTS, TYPES, Identifier, spelled_twice

# Seeded, and without a deadline: machines that run tests are shared.
SEEDED = settings(deadline=None, derandomize=True, database=None)
THOROUGH = settings(SEEDED, max_examples=400)

TOKENIZER = Tokenizer(Suite.HMAC_SHA256, bytes(range(32)))
SHORTEST_TELLING = 7
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
        "https://pay.example/%7e/../a?utm_id=1&b=%2",
        "2001:DB8::ffff:1.2.3.4",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "\u4e7e\u9686\uff0c1970\u5e741\u67082\u65e5",
        "+44 (0)20 7946 0958",
        "00-00-5E-00-53-AF",
    ]
)
PIECES = st.text(max_size=40) | SAMPLES | st.text("0123456789Xx-+ .@|()a中", max_size=24)
TEXTS = st.builds("".join, st.lists(PIECES, max_size=3)) | PIECES


def _value(canonical: Canonical) -> str:
    return canonical.text.split("|", 2)[2]


@THOROUGH
@given(twice=spelled_twice())
def test_spellings_share_one_token(twice: tuple[Identifier, Identifier]) -> None:
    """Width, case, margins, prefixes, separators, invisible signs: none may change the token."""
    (identifier_type, plain), (_, typed) = twice
    expected = canonicalise(identifier_type, *plain)
    got = canonicalise(identifier_type, *typed)

    assert TOKENIZER.token(got) == TOKENIZER.token(expected)
    assert [alias.text for alias in aliases_of(got)] == [a.text for a in aliases_of(expected)]


@pytest.mark.parametrize("identifier_type", list(IdentifierType), ids=lambda member: member.name)
def test_every_type_is_spelled(identifier_type: IdentifierType) -> None:
    """No type may be left out of the spellings, nor any of its parts."""
    assert len(PARTS[identifier_type]) == len(SPECS[identifier_type].parts)


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
    _check_aliases(canonical)


@THOROUGH
@given(twice=spelled_twice())
def test_canonical_of_well_formed_is_itself(twice: tuple[Identifier, Identifier]) -> None:
    """Each type's own values must come back unchanged, and so must their aliases."""
    _, (identifier_type, typed) = twice
    canonical = canonicalise(identifier_type, *typed)

    assert parse_identifier(identifier_type, _value(canonical)).text == canonical.text
    _check_aliases(canonical)


def _check_aliases(canonical: Canonical) -> None:
    for alias in aliases_of(canonical):
        assert parse_identifier(alias.type, _value(alias)).text == alias.text
        assert alias.text != canonical.text


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


# What browsers escape in a path and in a query (WHATWG URL Standard).
ESCAPED_IN_PATHS = frozenset(' "#<>?`{}^')
ESCAPED_IN_QUERIES = frozenset(" \"#<>'")
PAGES = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"], exclude_characters="|\uff5c")
    | st.sampled_from("\u200b\u200d\ufe0f\u2460\uff08\u4e2d'[]"),
    max_size=12,
)


def _copied(text: str, escaped: frozenset[str]) -> str:
    return "".join(
        "".join(f"%{octet:02X}" for octet in character.encode())
        if character in escaped or not character.isascii()
        else character
        for character in text
    )


@THOROUGH
@given(path=PAGES, query=PAGES)
def test_page_is_the_same_as_browsers_copy_it(path: str, query: str) -> None:
    """A page typed as it reads and copied from a browser, which escapes, must share one token."""
    # What ends path or query is no part of them.
    path = path.translate(dict.fromkeys(map(ord, "#?\\")))
    query = query.replace("#", "")
    typed = f"https://pay.example/{path}?{query}&end"
    copied = (
        f"https://pay.example/{_copied(path, ESCAPED_IN_PATHS)}"
        f"?{_copied(query, ESCAPED_IN_QUERIES)}&end"
    )

    assert canonicalise(IdentifierType.URL, typed) == canonicalise(IdentifierType.URL, copied)


@THOROUGH
@given(
    names=st.lists(
        st.text(
            "\u0e19\u0e34\u0e38\u0e14\u0939\u093f\u0941\u30cf\u30d0\u30d1\u0418\u0419\u05d0\u05b8",
            min_size=1,
            max_size=4,
        ),
        min_size=2,
        max_size=2,
    )
)
def test_marks_tell_names_apart(names: list[str]) -> None:
    """Names that differ in a mark of another script than Latin must not share a token."""
    values = []
    for name in names:
        # Marks in front belong to no letter.
        lettered = "\u0e19" + unicodedata.normalize("NFC", name)
        values.append(_value(canonicalise(IdentifierType.PERSON_NAME, lettered)))

    assert (values[0] == values[1]) == (
        unicodedata.normalize("NFKC", names[0]) == unicodedata.normalize("NFKC", names[1])
    )


@SEEDED
@given(spaces=st.lists(st.sampled_from(["", " ", "  "]), min_size=4, max_size=4))
def test_spaces_around_brackets_say_nothing(spaces: list[str]) -> None:
    """Spaces inside and outside of brackets must not change the token of an organisation."""
    before, after, last, outside = spaces
    for one, inner, other in (
        ("Acme", "China", "Ltd"),
        ("\u7532", "\u4e59", "\u4e19"),
        ("A1", "\u4e59", "B"),
    ):
        typed = f"{one}{before}({after}{inner}{last}){outside}{other}"
        assert canonicalise(IdentifierType.ORG_NAME, typed) == canonicalise(
            IdentifierType.ORG_NAME, f"{one}\uff08{inner}\uff09{other}"
        )


@pytest.mark.parametrize("digit", ["\uff12", "\u00b2", "\u0662", "\u0968"])
def test_only_digits_that_fold_to_ascii_count(digit: str) -> None:
    """A digit of another script must be refused or folded, never kept as it is."""
    try:
        canonical = canonicalise(IdentifierType.PAN, f"411111111111111{digit}")
    except MalformedError:
        return

    assert canonical.text.isascii()
