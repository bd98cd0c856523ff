"""The vocabularies exist twice, as Python and as proto; they must stay equal."""

from __future__ import annotations

import inspect
import re
from enum import IntEnum, IntFlag

import pytest

from rongan_share.v1 import vocabulary_pb2
from rongan_share.wire import vocabulary

ENUMERATIONS = [
    kind
    for _, kind in inspect.getmembers(vocabulary, inspect.isclass)
    if issubclass(kind, IntEnum) and kind is not IntEnum
]
FLAGS = [
    kind
    for _, kind in inspect.getmembers(vocabulary, inspect.isclass)
    if issubclass(kind, IntFlag) and kind is not IntFlag
]
ENUM_NAMES = sorted(vocabulary_pb2.DESCRIPTOR.enum_types_by_name)


def prefix(name: str) -> str:
    """Returns the prefix that a proto enumeration puts before its values."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper() + "_"


def test_every_enumeration_exists_on_both_sides() -> None:
    """The proto has the enumerations of Python and no other."""
    assert sorted(kind.__name__ for kind in ENUMERATIONS) == ENUM_NAMES


@pytest.mark.parametrize("kind", ENUMERATIONS, ids=lambda kind: kind.__name__)
def test_names_and_numbers_are_equal(kind: type[IntEnum]) -> None:
    """Names and numbers are those of the proto; zero is UNSPECIFIED there and absent here."""
    start = prefix(kind.__name__)
    values = vocabulary_pb2.DESCRIPTOR.enum_types_by_name[kind.__name__].values
    in_proto = {value.name.removeprefix(start): value.number for value in values}
    assert in_proto.pop("UNSPECIFIED") == 0
    assert in_proto == {member.name: member.value for member in kind}


def test_types_leave_room_for_a_bit_set() -> None:
    """Identifier types stay below 64 and source classes below 32: sets of them are bits."""
    assert max(vocabulary.IdentifierType) < 64
    assert max(vocabulary.SourceClass) < 32


@pytest.mark.parametrize("kind", FLAGS, ids=lambda kind: kind.__name__)
def test_flags_fit_one_byte(kind: type[IntFlag]) -> None:
    """Flags are single bits of one byte."""
    assert all(flag.value in {1 << bit for bit in range(8)} for flag in kind)
