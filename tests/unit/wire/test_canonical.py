from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from rongan_share.v1 import (
    agreement_pb2,
    agreement_service_pb2,
    certificate_service_pb2,
    contribution_service_pb2,
    operator_service_pb2,
    verdict_service_pb2,
)
from rongan_share.v1.vocabulary_pb2 import State
from rongan_share.wire.canonical import commitment, encode_bytes, encode_integer, encode_message
from tests.vectors import make_canonical

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "canonical.json").read_text("utf-8"))
FILES = (
    agreement_pb2,
    agreement_service_pb2,
    certificate_service_pb2,
    contribution_service_pb2,
    operator_service_pb2,
    verdict_service_pb2,
)
CLASSES: dict[str, type[Message]] = {
    name: getattr(file, name) for file in FILES for name in file.DESCRIPTOR.message_types_by_name
}


def build(message: Message, filled: dict[str, Any]) -> Message:
    """Fills a message with the values of a vector."""
    for name, value in filled.items():
        field = message.DESCRIPTOR.fields_by_name[name]
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for item in value if isinstance(value, list) else [value]:
                into = getattr(message, name)
                child = into.add() if isinstance(value, list) else into
                child.SetInParent()
                build(child, item)
            continue
        as_bytes = field.type == FieldDescriptor.TYPE_BYTES
        if isinstance(value, list):
            items = map(bytes.fromhex, value) if as_bytes else value
            getattr(message, name).extend(items)
        else:
            setattr(message, name, bytes.fromhex(value) if as_bytes else value)
    return message


def test_every_message_has_a_golden() -> None:
    """No message of the wire may lack its golden, and no golden its message."""
    assert {case["message"] for case in VECTORS["messages"]} == set(CLASSES)


def test_vectors_leave_no_difference() -> None:
    """The file must be what its command writes."""
    assert json.loads(json.dumps(make_canonical.document())) == VECTORS


@pytest.mark.parametrize(
    "case", VECTORS["messages"], ids=lambda case: f"{case['message']}-{len(case['fields'])}"
)
def test_message_encodes_as_the_second_implementation(case: dict[str, Any]) -> None:
    """Two implementations that share no code must agree on every message."""
    message = build(CLASSES[case["message"]](), case["fields"])
    assert encode_message(message).hex() == case["canonical"]


def test_empty_fields_are_left_out() -> None:
    """Zero, empty text, empty bytes, false and absent messages leave no bytes."""
    category = agreement_service_pb2.Category(code="", bit=0, public=False)
    assert encode_message(category) == b""
    assert encode_integer(1, 0) == b""
    assert encode_bytes(1, b"") == b""


def test_empty_items_are_kept() -> None:
    """An empty item of a list must count, or two lists could share their bytes."""
    empty, full = agreement_service_pb2.Category(), agreement_service_pb2.Category(bit=1)
    one = agreement_service_pb2.GetTaxonomyResponse(categories=[empty, full])
    other = agreement_service_pb2.GetTaxonomyResponse(categories=[full, empty])
    assert encode_message(one) != encode_message(other)
    assert encode_message(one).startswith(bytes.fromhex("020000000000"))
    unset, listed = State.STATE_UNSPECIFIED, State.STATE_LISTED
    states = verdict_service_pb2.CheckSubjectResponse(token_states=[unset, listed])
    assert (
        encode_message(states).hex() == "020008000000" + "00" * 8 + "0200080000000100000000000000"
    )


def test_skipped_fields_are_left_out_at_the_top_only() -> None:
    """A skipped name leaves out that field, not one of the same name further in."""
    answer = operator_service_pb2.GetPartnerAgreementResponse(
        agreement=agreement_pb2.Agreement(partner_id="a", version=2)
    )
    assert encode_message(answer, skip=("version",)) == encode_message(answer)
    assert encode_message(answer, skip=("agreement",)) == b""


def test_skipping_equals_emptying() -> None:
    """A skipped field must read as if it were empty."""
    full = verdict_service_pb2.CheckSubjectResponse(epoch=1, entry_index=5, nonce=b"n" * 32)
    emptied = verdict_service_pb2.CheckSubjectResponse(epoch=1)
    assert encode_message(full, skip=("entry_index", "nonce")) == encode_message(emptied)


def test_negative_numbers_have_canonical_bytes() -> None:
    """A negative number is refused by its service, so it must get that far."""
    request = operator_service_pb2.ListPartnersRequest(page_size=-1)
    assert encode_message(request).hex() == "010008000000" + "ff" * 8


def test_commitment_is_hash_of_nonce_and_bytes() -> None:
    """A commitment is SHA-256 over the nonce and the canonical bytes, nothing else."""
    nonce = bytes(range(32))
    assert commitment(nonce, b"abc") == hashlib.sha256(nonce + b"abc").digest()
