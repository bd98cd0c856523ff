"""The vectors that other languages test against are current, complete and made twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rongan_share.wire.vocabulary import IdentifierType, Suite
from vectors import make_vectors

PUBLISHED: dict[str, Any] = json.loads(make_vectors.TARGET.read_text("utf-8"))
TOKENS = Path(__file__).parents[2] / "vectors" / "tokens.json"
BY_OPENSSL: dict[str, dict[str, str]] = {
    case["text"]: case for case in json.loads(TOKENS.read_text("utf-8"))["tokens"]
}


def test_script_leaves_no_difference() -> None:
    """The file must be what its script writes."""
    assert make_vectors.TARGET.read_text("utf-8") == make_vectors.page()


def test_every_type_is_published() -> None:
    """Every type must have a vector."""
    assert {vector["type"] for vector in PUBLISHED["vectors"]} == set(IdentifierType.__members__)


@pytest.mark.parametrize("suite", [suite.name for suite in Suite])
def test_tokens_are_those_of_openssl(suite: str) -> None:
    """Each token, of aliases too, must be what OpenSSL's command line made of the same string."""
    for vector in PUBLISHED["vectors"]:
        for each in (vector, *vector["aliases"]):
            assert each["tokens"][suite] == BY_OPENSSL[each["canonical"]][suite]
            assert each["canonical"].startswith(f"rs1|{each['type']}|")
