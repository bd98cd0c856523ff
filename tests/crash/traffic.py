"""Partners that keep a hub busy until it dies, and remember every answer they got."""

from __future__ import annotations

import hashlib
import random
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import grpc

from rongan_share.v1 import contribution_service_pb2 as contribution_pb
from rongan_share.v1 import verdict_service_pb2 as verdict_pb
from rongan_share.v1.agreement_service_pb2 import GetTokenEpochRequest
from rongan_share.v1.vocabulary_pb2 import Suite as SuiteMessage
from rongan_share.wire.canonical import encode_bytes, encode_message
from rongan_share.wire.frames import TOKEN_BYTES
from rongan_share.wire.vocabulary import (
    Channel,
    DetailLevel,
    Evidence,
    IdentifierType,
    LegalBasis,
    Purpose,
    RowOperation,
    SourceClass,
    Suite,
)
from tests.support.hub import Stubs, bits

ROWS = 40
"""Rows of a contribution frame."""

ASKED_TOKENS = 64
"""Tokens of a verdict frame."""

_ROUND_SECONDS = 60.0
_IN_FLIGHT = 3


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict that came: its canonical request and answer, and where the log should have it."""

    request: bytes
    answer: bytes
    nonce: bytes
    entry_index: int


class Window:
    """How many frames may wait for their answer; closed when the stream ends."""

    def __init__(self) -> None:
        self._places = threading.Semaphore(_IN_FLIGHT)
        self._over = False

    def take(self) -> bool:
        """Waits for a place; says whether the stream still lives."""
        return self._places.acquire(timeout=_ROUND_SECONDS) and not self._over

    def give(self) -> None:
        """Frees a place."""
        self._places.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._places.release()


@dataclass(slots=True)
class Traffic:
    """Everything that was answered, over all rounds.

    Attributes:
        stream_id: The one stream of contributions.
        acks: Acknowledgements by frame number; frames are sent again, so some came twice.
        said: Verdicts.
        answered: Woken at every answer of the round.
        faults: What went wrong otherwise than by the hub's death.
    """

    stream_id: bytes
    acks: dict[int, contribution_pb.ContributeResponse] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    answered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    faults: list[Exception] = field(default_factory=list)

    @property
    def last_frame(self) -> int:
        """The highest frame that was acknowledged."""
        return max(self.acks, default=0)

    def begin(self, contributor: Stubs, asker: Stubs, rng: random.Random) -> list[threading.Thread]:
        """Starts to contribute, to ask by frames and to ask one by one, all until the hub dies."""
        self.answered = threading.Semaphore(0)
        epoch = asker.agreements.GetTokenEpoch(GetTokenEpochRequest()).epoch
        works = (
            lambda: self._contribute(contributor, epoch),
            lambda: self._ask_frames(asker, epoch, random.Random(rng.random())),
            lambda: self._ask_singly(asker, epoch, random.Random(rng.random())),
        )
        threads = [threading.Thread(target=self._until_dead, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        return threads

    def _until_dead(self, work: Callable[[], None]) -> None:
        try:
            work()
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                self.faults.append(error)
        except Exception as error:  # noqa: BLE001 - shown by the test's own thread
            self.faults.append(error)

    def _contribute(self, stubs: Stubs, epoch: int) -> None:
        # From the last acknowledged frame on, which the hub must know again.
        first = max(self.last_frame, 1)
        window = Window()
        opening = contribution_pb.ContributeOpen(
            stream_id=self.stream_id, suite=SuiteMessage.SUITE_HMAC_SHA256, epoch=epoch
        )

        def requests() -> Iterator[contribution_pb.ContributeRequest]:
            yield contribution_pb.ContributeRequest(open=opening)
            number = first
            while window.take():
                yield contribution_pb.ContributeRequest(frame=rows_of(self.stream_id, number))
                number += 1

        with window:
            for answer in stubs.contributions.Contribute(requests(), timeout=_ROUND_SECONDS):
                known = self.acks.setdefault(answer.frame_number, answer)
                assert (known.sequence, known.entry_index) == (answer.sequence, answer.entry_index)
                self.answered.release()
                window.give()

    def _ask_frames(self, stubs: Stubs, epoch: int, rng: random.Random) -> None:
        opening = verdict_pb.VerdictOpen(**terms(epoch), batch_id=rng.randbytes(TOKEN_BYTES))
        sent: list[verdict_pb.VerdictFrame] = []
        window = Window()

        def requests() -> Iterator[verdict_pb.StreamVerdictsRequest]:
            yield verdict_pb.StreamVerdictsRequest(open=opening)
            while window.take():
                tokens = b"".join(self._some_token(rng) for _ in range(ASKED_TOKENS))
                sent.append(verdict_pb.VerdictFrame(frame_number=len(sent) + 1, tokens=tokens))
                yield verdict_pb.StreamVerdictsRequest(frame=sent[-1])

        opened = encode_bytes(1, encode_message(opening))
        with window:
            for answer in stubs.verdicts.StreamVerdicts(requests(), timeout=_ROUND_SECONDS):
                frame = sent[answer.frame_number - 1]
                self._remember(opened + encode_bytes(2, encode_message(frame)), answer)
                window.give()

    def _ask_singly(self, stubs: Stubs, epoch: int, rng: random.Random) -> None:
        while True:
            request = verdict_pb.CheckSubjectRequest(
                **terms(epoch),
                request_id=rng.randbytes(TOKEN_BYTES),
                tokens=self._some_token(rng),
            )
            answer = stubs.verdicts.CheckSubject(request, timeout=_ROUND_SECONDS)
            self._remember(encode_message(request), answer)

    def _remember(
        self,
        request: bytes,
        answer: verdict_pb.CheckSubjectResponse | verdict_pb.StreamVerdictsResponse,
    ) -> None:
        answered = encode_message(answer, skip=("quota_left", "entry_index", "nonce"))
        self.said.append(Said(request, answered, answer.nonce, answer.entry_index))
        self.answered.release()

    def _some_token(self, rng: random.Random) -> bytes:
        if rng.random() < 0.5:
            return rng.randbytes(TOKEN_BYTES)
        return token_of(self.stream_id, rng.randint(1, self.last_frame + 1), rng.randrange(ROWS))


def terms(epoch: int) -> dict[str, Any]:
    """Makes the terms that both verdict RPCs take."""
    return {
        "purpose": Purpose.SANCTIONS,
        "channel": Channel.MOBILE,
        "suite": Suite.HMAC_SHA256,
        "epoch": epoch,
        "detail_level": DetailLevel.CATEGORY,
    }


def token_of(stream_id: bytes, number: int, row: int) -> bytes:
    """Makes the token of a row, the same one whenever it is asked for."""
    return hashlib.sha256(stream_id + struct.pack("<II", number, row)).digest()[:TOKEN_BYTES]


def rows_of(stream_id: bytes, number: int) -> contribution_pb.ContributeFrame:
    """Makes a frame of new listings, the same one whenever it is sent."""
    tokens = b"".join(token_of(stream_id, number, row) for row in range(ROWS))
    category = bits("E4").bit_length() - 1
    return contribution_pb.ContributeFrame(
        frame_number=number,
        operation=bytes([RowOperation.ADD]) * ROWS,
        reference=tokens,
        type=bytes([IdentifierType.PASSPORT]) * ROWS,
        token=tokens,
        flags=bytes(ROWS),
        category=bytes([category]) * ROWS,
        severity=bytes([3]) * ROWS,
        evidence=bytes([Evidence.AUTHORITY_DETERMINED]) * ROWS,
        source_class=bytes([SourceClass.INTL_LIST]) * ROWS,
        original_source=bytes(8 * ROWS),
        legal_basis=bytes([LegalBasis.PUBLIC_RECORD]) * ROWS,
        event_day=bytes(2 * ROWS),
        expiry_day=bytes(2 * ROWS),
    )
