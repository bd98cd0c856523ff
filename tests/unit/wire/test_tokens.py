"""Tokens equal the goldens of both suites, which OpenSSL computed, and never show their key."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import pytest

from rongan_share.wire.frames import TOKEN_BYTES
from rongan_share.wire.identifiers import SPECS, parse_identifier
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.tokens import EPOCH_KEY_BYTES, Tokenizer, keyed_hash
from rongan_share.wire.vocabulary import IdentifierType, Suite

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "tokens.json").read_text("utf-8")
)
KEY = bytes.fromhex(VECTORS["key"])
RID = "rs1|CN_RID|11010519491231002X"
NAME_ID = "rs1|NAME_ID|\u5f20\u4e09|11010519491231002X"
ORG_NAME = "rs1|ORG_NAME|\u4e2d\u56fd\u5de5\u5546\u94f6\u884c\u80a1\u4efd\u6709\u9650\u516c\u53f8"


@pytest.mark.parametrize("case", VECTORS["hmac"], ids=lambda case: case["suite"])
def test_keyed_hash_equals_published_digests(case: dict[str, str]) -> None:
    """The full HMAC must equal the standards' own examples, with keys of any length."""
    digest = keyed_hash(Suite[case["suite"]], bytes.fromhex(case["key"]))
    message = bytes.fromhex(case["message"])

    assert digest(message).hex() == case["digest"]
    assert digest(message).hex() == case["digest"], "a second use must not see the first"


@pytest.mark.parametrize("suite", list(Suite), ids=lambda suite: suite.name)
@pytest.mark.parametrize("case", VECTORS["tokens"], ids=lambda case: case["text"].split("|")[1])
def test_token_equals_golden(case: dict[str, str], suite: Suite) -> None:
    """Each type must have its golden token in each suite, from text and from Canonical alike."""
    tokenizer = Tokenizer(suite, KEY)
    _, type_name, value = case["text"].split("|", 2)
    canonical = parse_identifier(IdentifierType[type_name], value)

    assert tokenizer.token(case["text"]).hex() == case[suite.name]
    assert tokenizer.token(canonical).hex() == case[suite.name]


@pytest.mark.parametrize(
    ("text", "sha256", "sm3"),
    [
        (RID, "c724649f7f701227069a6cc4d036cd07", "b6636c6b6cabbb41e57b989c239f9376"),
        (NAME_ID, "ad583476cd440c638da2dfbc82cc66d1", "9e5b6b6f581d09e054c61b72559119d6"),
        (ORG_NAME, "924f0ad7d725e75f74b35a802551995a", "7196e5fcbca82c15ed99c968010c0e88"),
        (
            "rs1|MSISDN|+8613800138000",
            "02ca681e408e33c425dd4f7fc7479cab",
            "cecc4e4a224f42522e539f86643e406c",
        ),
    ],
)
def test_published_golden_tokens(text: str, sha256: str, sm3: str) -> None:
    """The golden tokens of the design must hold, whatever the vector file says."""
    key = bytes(range(EPOCH_KEY_BYTES))

    assert Tokenizer(Suite.HMAC_SHA256, key).token(text).hex() == sha256
    assert Tokenizer(Suite.HMAC_SM3, key).token(text).hex() == sm3


def test_every_type_has_a_golden_token() -> None:
    """The vector file must hold one token of every supported type."""
    named = {case["text"].split("|")[1] for case in VECTORS["tokens"]}

    assert named == {member.name for member in SPECS}


@pytest.mark.parametrize("suite", list(Suite), ids=lambda suite: suite.name)
def test_tokens_are_joined_in_order(suite: Suite) -> None:
    """Many tokens must be the single ones, joined in order."""
    tokenizer = Tokenizer(suite, KEY)
    joined = tokenizer.tokens(text for text in (RID, ORG_NAME, RID))

    assert joined == b"".join(map(tokenizer.token, (RID, ORG_NAME, RID)))
    assert len(joined) == 3 * TOKEN_BYTES
    assert tokenizer.tokens([]) == b""


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_key_of_another_length_is_refused(length: int) -> None:
    """A key that is not 32 bytes must be refused without being shown."""
    with pytest.raises(MalformedError, match=r"^epoch key: needs 32 bytes$"):
        Tokenizer(Suite.HMAC_SHA256, b"k" * length)


@pytest.mark.parametrize("text", ["13800138000", "", "rs2|PAN|4111111111111111"])
def test_raw_text_is_refused(text: str) -> None:
    """A raw identifier must be refused: its token would match nothing and read as not listed."""
    with pytest.raises(MalformedError) as caught:
        Tokenizer(Suite.HMAC_SHA256, KEY).tokens([RID, text])

    assert str(caught.value) == "token: made from canonical strings only at position 1"


def test_broken_unicode_is_refused() -> None:
    """A text that UTF-8 cannot say must be refused without being quoted."""
    broken = "rs1|ORG_NAME|" + "secret"[::-1] + "\ud800"
    with pytest.raises(MalformedError) as caught:
        Tokenizer(Suite.HMAC_SHA256, KEY).token(broken)

    assert caught.value.__context__ is None
    assert "terces" not in "".join(traceback.format_exception(caught.value))


def test_repr_hides_the_key() -> None:
    """The repr of a tokeniser must name its suite and nothing else."""
    assert repr(Tokenizer(Suite.HMAC_SM3, KEY)) == "Tokenizer(HMAC_SM3)"


@pytest.mark.parametrize("suite", list(Suite), ids=lambda suite: suite.name)
def test_tokens_of_one_beginning(suite: Suite) -> None:
    """Tokens of values after one beginning must be those of the whole texts."""
    tokenizer = Tokenizer(suite, KEY)
    values = ["4111111111111111", "6222020402000000016", ""]
    expected = tokenizer.tokens(f"rs1|PAN|{value}" for value in values)

    assert tokenizer.tokens_of("rs1|PAN|", [value.encode() for value in values]) == expected
    assert tokenizer.tokens_of("rs1|PAN|", []) == b""


@pytest.mark.parametrize("prefix", ["", "PAN|", "rs2|PAN|"])
def test_raw_beginning_is_refused(prefix: str) -> None:
    """A beginning that no canonical string has must be refused, for the same reason."""
    with pytest.raises(MalformedError):
        Tokenizer(Suite.HMAC_SHA256, KEY).tokens_of(prefix, [b"4111111111111111"])
