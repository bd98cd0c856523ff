"""Where a listing comes from: marks of its original source and of the contributor's own record."""

from __future__ import annotations

import hashlib
import string

from rongan_share.wire.malformed import MalformedError

REFERENCE_BYTES = 16
"""Length of a reference, bytes."""

_SOURCE_BYTES = 8
_HEXADECIMAL = frozenset(string.hexdigits)


def original_source(issuer: str, document: str) -> int:
    """Marks the document from which a listing was taken, so that copies count as one source.

    Both parts are used as written: contributors must agree on them, such as ``OFAC-SDN`` and
    ``36``.

    Returns:
        First 8 bytes of SHA-256 over ``rs1-source|ISSUER|DOCUMENT``, as a little-endian u64.

    Raises:
        MalformedError: A part is empty, holds ``|``, or is not valid Unicode.
    """
    digest = hashlib.sha256(
        b"rs1-source|%b|%b" % (_part("issuer", issuer), _part("document", document))
    )
    return int.from_bytes(digest.digest()[:_SOURCE_BYTES], "little")


def reference_from_text(text: str) -> bytes:
    """Gives the 16 bytes that stand for a contributor's own record.

    Thirty-two hexadecimal characters are the bytes themselves. Anything else, such as a case
    number, is hashed: its first 16 bytes of SHA-256 over ``rs1-reference|`` and the text.

    Raises:
        MalformedError: The text is empty or not valid Unicode.
    """
    if len(text) == 2 * REFERENCE_BYTES and _HEXADECIMAL.issuperset(text):
        return bytes.fromhex(text)
    return hashlib.sha256(b"rs1-reference|" + _encoded("reference", text)).digest()[
        :REFERENCE_BYTES
    ]


def _part(field: str, text: str) -> bytes:
    position = text.find("|")
    if position >= 0:
        raise MalformedError(field, "holds the sign that separates parts", position)
    return _encoded(field, text)


def _encoded(field: str, text: str) -> bytes:
    if not text:
        raise MalformedError(field, "is empty")
    for position, character in enumerate(text):
        if "\ud800" <= character <= "\udfff":
            raise MalformedError(field, "is not valid Unicode", position)
    return text.encode()
