"""Canonical bytes: one byte string for one message, on every machine and in every language.

Per field in field-number order: number u16, length u32, value, all little-endian. Integers,
enumerations and booleans are u64, negative ones in two's complement; text is UTF-8; columns are as
sent; a message is its own canonical bytes; a repeated field gives one item each. Empty fields are
left out. Protobuf's own bytes are never signed or hashed, because they are not canonical.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor

if TYPE_CHECKING:
    from google.protobuf.message import Message

NONCE_BYTES = 32
"""Length of the nonce that blinds a commitment."""

LONG_BYTES = 4_096
"""From this length on a value is not copied behind its header."""

_HEADER = struct.Struct("<HI")
_INTEGER = struct.Struct("<HIQ")

_U64 = (1 << 64) - 1
"""Cuts a negative number to its two's complement."""

_BYTES, _TEXT, _WHOLE, _NESTED = range(4)
_KINDS = {
    FieldDescriptor.CPPTYPE_INT32: _WHOLE,
    FieldDescriptor.CPPTYPE_INT64: _WHOLE,
    FieldDescriptor.CPPTYPE_UINT32: _WHOLE,
    FieldDescriptor.CPPTYPE_UINT64: _WHOLE,
    FieldDescriptor.CPPTYPE_BOOL: _WHOLE,
    FieldDescriptor.CPPTYPE_ENUM: _WHOLE,
    FieldDescriptor.CPPTYPE_MESSAGE: _NESTED,
}


def encode_integer(number: int, value: int) -> bytes:
    """Encodes one integer field; zero is left out.

    Args:
        number: Field number, 1 to 65,535.
        value: 0 to 2^64 - 1.
    """
    return _INTEGER.pack(number, 8, value) if value else b""


def encode_bytes(number: int, value: bytes) -> bytes:
    """Encodes one field of bytes, text in UTF-8, or canonical bytes of a nested message."""
    return _HEADER.pack(number, len(value)) + value if value else b""


def encode_message(message: Message, *, skip: Iterable[str] = ()) -> bytes:
    """Encodes a message.

    Args:
        message: Any message without floating-point or map fields.
        skip: Names of top-level fields to leave out.

    Returns:
        Its canonical bytes.
    """
    left_out = frozenset(skip)
    return b"".join([piece for name, piece in encode_fields(message) if name not in left_out])


def encode_fields(message: Message) -> list[tuple[str, bytes]]:
    """Encodes a message field by field, for whoever needs it both whole and in part.

    Args:
        message: Any message without floating-point or map fields.

    Returns:
        Name and canonical bytes of each piece, in field-number order. A long value stands in a
        piece of its own behind its header, so that nothing copies it before it is hashed.
    """
    pieces: list[tuple[str, bytes]] = []
    # Only fields that are set are listed, in field-number order: the others have no bytes.
    for field, value in message.ListFields():
        name, number, kind, repeated = _plan(field)
        if repeated:
            # An item of a list is kept even when it is empty, or positions would shift.
            pieces += [(name, _encode_item(number, kind, item)) for item in value]
        elif kind == _WHOLE:
            if value:
                pieces.append((name, _INTEGER.pack(number, 8, value & _U64)))
        else:
            content = value if kind == _BYTES else _content(kind, value)
            length = len(content)
            if length >= LONG_BYTES:
                pieces += [(name, _HEADER.pack(number, length)), (name, content)]
            elif length:
                pieces.append((name, _HEADER.pack(number, length) + content))
    return pieces


def nest(number: int, pieces: Sequence[bytes]) -> list[bytes]:
    """Encodes one field of a nested message from the message's own pieces."""
    length = sum(map(len, pieces))
    return [_HEADER.pack(number, length), *pieces] if length else []


def commitment(nonce: bytes, *canonical: bytes) -> bytes:
    """Binds to canonical bytes without revealing them: SHA-256(nonce32 || canonical bytes).

    Args:
        nonce: 32 bytes.
        canonical: The bytes, whole or in pieces.
    """
    digest = hashlib.sha256(nonce)
    for piece in canonical:
        digest.update(piece)
    return digest.digest()


def _encode_item(number: int, kind: int, value: Any) -> bytes:  # noqa: ANN401 - a field's own type
    if kind == _WHOLE:
        return _INTEGER.pack(number, 8, int(value) & _U64)
    content = _content(kind, value)
    return _HEADER.pack(number, len(content)) + content


def _content(kind: int, value: Any) -> bytes:  # noqa: ANN401 - a field's own type
    if kind == _BYTES:
        return bytes(value)
    if kind == _TEXT:
        return str(value).encode()
    return b"".join([piece for _, piece in encode_fields(value)])


@cache
def _plan(field: FieldDescriptor) -> tuple[str, int, int, bool]:
    """Returns a field's name, number, kind, and whether it is repeated."""
    return field.name, field.number, _kind(field), field.is_repeated


def _kind(field: FieldDescriptor) -> int:
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _BYTES if field.type == FieldDescriptor.TYPE_BYTES else _TEXT
    return _KINDS[field.cpp_type]
