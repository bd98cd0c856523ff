"""Marks of sources and references are the documented digests."""

from __future__ import annotations

import hashlib

import pytest

from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.sources import original_source, reference_from_text


def test_original_source_golden() -> None:
    """The mark of the example must be the eight bytes that sha256sum prints first."""
    # printf 'rs1-source|OFAC-SDN|36' | sha256sum | cut -c1-16
    assert original_source("OFAC-SDN", "36").to_bytes(8, "little").hex() == "d9c66e8b2d01e0cc"


def test_original_source_is_the_documented_digest() -> None:
    """Any text must be hashed as UTF-8 behind the fixed prefix."""
    digest = hashlib.sha256("rs1-source|\u6cd5\u9662|\u4eac01".encode()).digest()

    assert original_source("\u6cd5\u9662", "\u4eac01") == int.from_bytes(digest[:8], "little")


@pytest.mark.parametrize(
    ("issuer", "document", "message"),
    [
        ("", "36", "issuer: is empty"),
        ("OFAC-SDN", "", "document: is empty"),
        ("A|B", "36", "issuer: holds the sign that separates parts at position 1"),
        ("A", "3|6", "document: holds the sign that separates parts at position 1"),
        ("A", "3\ud800", "document: is not valid Unicode at position 1"),
    ],
)
def test_ambiguous_sources_are_refused(issuer: str, document: str, message: str) -> None:
    """Two different sources may never share one hashed text."""
    with pytest.raises(MalformedError) as caught:
        original_source(issuer, document)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text", ["00112233445566778899aabbccddeeff", "00112233445566778899AABBCCDDEEFF"]
)
def test_hexadecimal_reference_is_itself(text: str) -> None:
    """Thirty-two hexadecimal characters of either case must be the bytes themselves."""
    assert reference_from_text(text) == bytes.fromhex(text)


@pytest.mark.parametrize(
    "text", ["36", "00 11 22 33 44 55 66 77 88 99 aabb", "0" * 31, "\uff10" * 32, "\u6848\u53f7"]
)
def test_other_reference_is_hashed(text: str) -> None:
    """Anything else, also what bytes.fromhex would take, must be hashed behind the prefix."""
    digest = hashlib.sha256(f"rs1-reference|{text}".encode()).digest()

    assert reference_from_text(text) == digest[:16]


def test_reference_golden() -> None:
    """The reference of the example must be the sixteen bytes that sha256sum prints first."""
    # printf 'rs1-reference|OFAC-SDN|36' | sha256sum | cut -c1-32
    assert reference_from_text("OFAC-SDN|36").hex() == "5ffa4af5e915d27e2f52208c345f5e63"


@pytest.mark.parametrize("text", ["", "\udfff"])
def test_reference_needs_text(text: str) -> None:
    """An empty or broken text must be refused."""
    with pytest.raises(MalformedError, match="reference: is"):
        reference_from_text(text)
