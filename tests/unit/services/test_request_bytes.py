from __future__ import annotations

import hashlib

import pytest
from google.protobuf.message import Message

from rongan_share.services.call import RequestBytes
from rongan_share.v1 import contribution_service_pb2 as contribution_pb
from rongan_share.v1 import verdict_service_pb2 as verdict_pb
from rongan_share.wire.canonical import (
    commitment,
    encode_bytes,
    encode_fields,
    encode_message,
)

LONG = bytes(range(256)) * 64
OPENINGS = [
    verdict_pb.VerdictOpen(),
    verdict_pb.VerdictOpen(epoch=3, batch_id=b"b" * 16),
    verdict_pb.VerdictOpen(batch_id=b"b" * 16, origin=verdict_pb.Origin(system="x")),
]
FRAMES = [
    verdict_pb.VerdictFrame(),
    verdict_pb.VerdictFrame(frame_number=7),
    verdict_pb.VerdictFrame(frame_number=7, tokens=LONG, types=b"\1" * 1024),
    contribution_pb.ContributeFrame(frame_number=7, token=LONG, flags=b"\0" * 1024),
]


@pytest.mark.parametrize("opening", OPENINGS, ids=range(len(OPENINGS)))
@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
def test_pieces_of_a_frame_are_its_canonical_bytes(opening: Message, frame: Message) -> None:
    """Joined, the pieces are the nested canonical bytes, whole and less the ids."""
    sent = RequestBytes.of_frame(opening, frame, ids=("batch_id", "frame_number"))
    plain = encode_bytes(1, encode_message(opening)) + encode_bytes(2, encode_message(frame))
    less = encode_bytes(1, encode_message(opening, skip=("batch_id",)))
    less += encode_bytes(2, encode_message(frame, skip=("frame_number",)))
    assert (b"".join(sent.canonical), b"".join(sent.content)) == (plain, less)


@pytest.mark.parametrize("length", [0, 1, 255, 256])
def test_pieces_of_a_question_are_its_canonical_bytes(length: int) -> None:
    """Joined, the pieces of a unary request are its canonical bytes, whole and less its id."""
    request = verdict_pb.CheckSubjectRequest(
        request_id=b"r" * 16, tokens=LONG[: 16 * length], epoch=1
    )
    sent = RequestBytes.of(request, ids=("request_id",))
    assert b"".join(sent.canonical) == encode_message(request)
    assert b"".join(sent.content) == encode_message(request, skip=("request_id",))


def test_long_values_are_not_copied_behind_their_header() -> None:
    """A long column stands in a piece of its own; a short value shares its header's."""
    frame = verdict_pb.VerdictFrame(frame_number=1, tokens=LONG, types=b"\1" * 16)
    names = [name for name, _ in encode_fields(frame)]
    assert names == ["frame_number", "tokens", "tokens", "types"]
    assert LONG in [piece for _, piece in encode_fields(frame)]


def test_commitment_does_not_depend_on_the_pieces() -> None:
    """A commitment to pieces is the commitment to the whole."""
    nonce = bytes(range(32))
    pieces = (LONG[:5], b"", LONG[5:])
    assert commitment(nonce, *pieces) == commitment(nonce, LONG)
    assert commitment(nonce, LONG) == hashlib.sha256(nonce + LONG).digest()
