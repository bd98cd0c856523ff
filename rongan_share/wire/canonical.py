"""Canonical bytes: one byte string for one message, on every machine and in every language.

Per field in field-number order: number u16, length u32, value, all little-endian. Integers,
enumerations and booleans are u64, negative ones in two's complement; text is UTF-8; columns are as
sent; a message is its own canonical bytes; a repeated field gives one item each. Empty fields are
left out. Protobuf's own bytes are never signed or hashed, because they are not canonical.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

NONCE_BYTES = 32
"""Length of the nonce that blinds a commitment."""

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
    parts: list[bytes] = []
    left_out = frozenset(skip)
    for name, number, kind, repeated in _plan(message.DESCRIPTOR):
        if name in left_out:
            continue
        if kind == _NESTED and not repeated and not message.HasField(name):
            continue
        value = getattr(message, name)
        if not repeated:
            parts.append(_encode(number, kind, value))
        else:
            # An item of a list is kept even when it is empty, or positions would shift.
            parts.extend(_encode_item(number, kind, item) for item in value)
    return b"".join(parts)


def commitment(nonce: bytes, canonical: bytes) -> bytes:
    """Binds to canonical bytes without revealing them: SHA-256(nonce32 || canonical bytes)."""
    return hashlib.sha256(nonce + canonical).digest()


def _encode(number: int, kind: int, value: Any) -> bytes:  # noqa: ANN401 - a field's own type
    if kind == _WHOLE:
        return encode_integer(number, int(value) & _U64)
    return encode_bytes(number, _content(kind, value))


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
    return encode_message(value)


@cache
def _plan(descriptor: Descriptor) -> tuple[tuple[str, int, int, bool], ...]:
    """Lists a message's fields in number order: name, number, kind, repeated."""
    fields = sorted(descriptor.fields, key=lambda field: field.number)
    return tuple((f.name, f.number, _kind(f), f.is_repeated) for f in fields)


def _kind(field: FieldDescriptor) -> int:
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _BYTES if field.type == FieldDescriptor.TYPE_BYTES else _TEXT
    return _KINDS[field.cpp_type]
