"""Writes canonical.json: one filled message of each kind and its canonical bytes.

Run from anywhere: ``python tests/vectors/make_canonical.py``. A second implementation: it reads
fields and numbers from the text of the protos, fills them by a fixed rule, and encodes by the prose
of the rule alone. It uses neither protobuf nor any code of the hub.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

TARGET = Path(__file__).with_name("canonical.json")
PROTOS = Path(__file__).parents[2] / "protos" / "rongan_share" / "v1"

MESSAGE = re.compile(r"^message (\w+) \{(?:\}|\n(.*?)^\})", re.MULTILINE | re.DOTALL)
ENUM = re.compile(r"^enum (\w+) \{", re.MULTILINE)
FIELD = re.compile(r"^ +(repeated |optional )?([\w.]+) (\w+) = (\d+);", re.MULTILINE)
ONEOF = re.compile(r"oneof \w+ \{(.*?)\}", re.DOTALL)

UNSIGNED = {"uint32": 32, "uint64": 64, "fixed32": 32, "fixed64": 64}
SIGNED = {"int32": 32, "int64": 64}
Json = Any
"""A value as JSON holds it: bytes as hexadecimal text, enumerations as numbers."""

ENTRY_NUMBERS = {
    "time_ns": 1,
    "method": 2,
    "caller_kind": 3,
    "caller_id": 4,
    "serial_hex": 5,
    "agreement_version": 6,
    "purpose": 7,
    "origin": 8,
    "counts": 9,
    "snapshot_sequence": 10,
    "decision": 11,
    "disclosure_digest": 12,
    "request_commitment": 13,
    "answer_commitment": 14,
    "facts": 15,
    "duration_us": 16,
    "kind": 17,
}
ENTRY = {
    "time_ns": 1795500000000000123,
    "method": "VerdictService/CheckSubject",
    "caller_kind": "partner",
    "caller_id": "bank-1",
    "serial_hex": "7fff00ab",
    "agreement_version": 3,
    "purpose": 2,
    "origin": "01000300000041c3a9",
    "counts": {"tokens": 16, "listed": 2, "charged": 0},
    "snapshot_sequence": 2**40,
    "decision": "GRANTED",
    "disclosure_digest": "aa" * 32,
    "request_commitment": "bb" * 32,
    "answer_commitment": "cc" * 32,
    "facts": {"frame": "7", "reason": "复核", "empty": ""},
    "duration_us": 1234,
    "kind": "VERDICT",
}


class Field(NamedTuple):
    """One field of a message, as its proto writes it."""

    kind: str
    name: str
    number: int
    repeated: bool


class Protos(NamedTuple):
    """All messages by name, the names of enumerations, and which fields exclude each other."""

    messages: dict[str, list[Field]]
    enums: set[str]
    choices: dict[str, list[str]]


def read_protos() -> Protos:
    """Reads every proto of the package."""
    messages = {
        "Timestamp": [Field("int64", "seconds", 1, False), Field("int32", "nanos", 2, False)]
    }
    enums: set[str] = set()
    choices: dict[str, list[str]] = {}
    for path in sorted(PROTOS.glob("*.proto")):
        text = re.sub(r"//[^\n]*", "", path.read_text("utf-8"))
        enums |= set(ENUM.findall(text))
        for name, body in MESSAGE.findall(text):
            messages[name] = sorted(
                (
                    Field(kind.rsplit(".", 1)[-1], field, int(number), label == "repeated ")
                    for label, kind, field, number in FIELD.findall(body)
                ),
                key=lambda field: field.number,
            )
            for choice in ONEOF.findall(body):
                choices[name] = [field for _, _, field, _ in FIELD.findall(choice)]
    return Protos(messages, enums, choices)


def fill(protos: Protos, message: str, variant: int) -> dict[str, Any]:
    """Gives values to a message's fields; variants 0 and 1 differ in what they leave empty."""
    filled: dict[str, Any] = {}
    choice = protos.choices.get(message, [])
    for field in protos.messages[message]:
        if field.name in choice and choice.index(field.name) != variant % len(choice):
            continue
        if variant and field.number % 2 == 0 and field.name not in choice:
            continue
        if field.repeated:
            # The second item is empty and must still count.
            filled[field.name] = [
                value_of(protos, field, variant),
                empty_of(protos, field),
                value_of(protos, field, variant + 2),
            ]
        else:
            filled[field.name] = value_of(protos, field, variant)
    return filled


def value_of(protos: Protos, field: Field, variant: int) -> Json:
    """Gives one value."""
    seed = field.number * 7 + variant
    if field.kind in protos.messages:
        return fill(protos, field.kind, variant)
    if field.kind == "bytes":
        return bytes((seed * 31 + at) % 256 for at in range(16 + seed % 5)).hex()
    if field.kind == "string":
        return f"{field.name} 编号{seed}"
    if field.kind in SIGNED and variant:
        return -seed
    numbers: dict[str, int] = {"bool": True}
    numbers |= dict.fromkeys(protos.enums, 1 + seed % 2)
    numbers |= {kind: (1 << bits) - seed for kind, bits in UNSIGNED.items()}
    numbers |= {kind: (1 << (bits - 1)) - seed for kind, bits in SIGNED.items()}
    return numbers[field.kind]


def empty_of(protos: Protos, field: Field) -> Json:
    """Gives the empty value of a kind."""
    if field.kind in protos.messages:
        return {}
    return "" if field.kind in {"bytes", "string"} else 0


def encode(protos: Protos, message: str, filled: dict[str, Any]) -> bytes:
    """Encodes by the rule: number u16, length u32, value; empty fields left out, items never."""
    out = b""
    for field in protos.messages[message]:
        value = filled.get(field.name)
        items = (value if field.repeated else [value]) if value else []
        for item in items:
            content = content_of(protos, field, item)
            if content or field.repeated:
                out += header(field.number, content) + content
    return out


def content_of(protos: Protos, field: Field, item: Json) -> bytes:
    """Gives the bytes of one value."""
    if field.kind in protos.messages:
        return encode(protos, field.kind, item)
    if field.kind == "bytes":
        return bytes.fromhex(item)
    if field.kind == "string":
        return str(item).encode("utf-8")
    return (int(item) % 2**64).to_bytes(8, "little")


def header(number: int, content: bytes) -> bytes:
    """Gives number and length."""
    return number.to_bytes(2, "little") + len(content).to_bytes(4, "little")


def encode_entry() -> bytes:
    """Encodes the sample entry: a version byte, then its fields; pairs ordered by name."""
    out = b"\x01"
    for name, number in sorted(ENTRY_NUMBERS.items(), key=lambda pair: pair[1]):
        value: Any = ENTRY[name]
        if isinstance(value, dict):
            content = b"".join(pair_of(key, value[key]) for key in sorted(value))
        elif isinstance(value, int):
            content = value.to_bytes(8, "little")
        elif name == "origin" or name.endswith(("digest", "commitment")):
            content = bytes.fromhex(value)
        else:
            content = value.encode("utf-8")
        out += header(number, content) + content
    return out


def pair_of(name: str, value: int | str) -> bytes:
    """Encodes name and value as fields 1 and 2; an empty value is left out."""
    out = header(1, name.encode()) + name.encode()
    content = value.to_bytes(8, "little") if isinstance(value, int) else value.encode("utf-8")
    return out + (header(2, content) + content if value else b"")


def document() -> dict[str, Any]:
    """Gives the whole content of the file."""
    protos = read_protos()
    cases = []
    for message in sorted(protos.messages):
        if message == "Timestamp":
            continue
        for variant in (0, 1):
            filled = fill(protos, message, variant)
            canonical = encode(protos, message, filled).hex()
            cases.append({"message": message, "fields": filled, "canonical": canonical})
    return {
        "source": "made here, by an implementation of its own",
        "command": "python tests/vectors/make_canonical.py",
        "messages": cases,
        "entry": {"fields": ENTRY, "canonical": encode_entry().hex()},
    }


def main() -> None:
    """Writes the file beside this script."""
    TARGET.write_text(json.dumps(document(), indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
