"""Each caller has places of its own, and gives them back whatever happens."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from rongan_share.errors import Reason, RonganError
from rongan_share.gate.admission import Admission, Limits
from rongan_share.model.caller import ClaimedCaller
from rongan_share.model.partner import HolderKind


def claim(caller_id: str, *, revoked: bool = False) -> ClaimedCaller:
    """Makes a claim as a certificate makes it; a revoked one is another certificate."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return ClaimedCaller(
        kind=HolderKind.PARTNER,
        caller_id=caller_id,
        fingerprint=f"{caller_id} {revoked}".encode(),
        serial_hex="1",
        not_before=moment,
        not_after=moment,
    )


def test_caller_is_held_to_its_places() -> None:
    """The third stream is refused; calls, and other certificates, have their own places."""
    admission = Admission(Limits(calls=1, streams=2, bytes=100))
    with ExitStack() as open_ones:
        for _ in range(2):
            open_ones.enter_context(admission.stream(claim("a")))
        with pytest.raises(RonganError) as caught, admission.stream(claim("a")):
            pass
        assert caught.value.reason is Reason.TOO_MANY_CALLS
        assert caught.value.metadata == {"limit": "streams", "most": "2"}
        for other in (claim("b"), claim("a", revoked=True), None):
            open_ones.enter_context(admission.stream(other))
        open_ones.enter_context(admission.call(claim("a")))
    with admission.stream(claim("a")), admission.stream(claim("a")):
        pass


def test_place_comes_back_after_a_fault() -> None:
    """Whatever ends a call, its place is free again and nothing is remembered of the caller."""
    admission = Admission(Limits(calls=1, streams=1, bytes=100))
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), admission.call(claim("a")):
            raise ZeroDivisionError
    assert not admission.under_way


def test_callers_without_a_name_share_their_places() -> None:
    """Certificates that name nobody cannot be told apart, so they cannot take a place each."""
    admission = Admission(Limits(calls=1, streams=1, bytes=100))
    with admission.call(None), pytest.raises(RonganError), admission.call(None):
        pass


def test_frames_of_all_streams_share_one_budget() -> None:
    """A frame waits for room until one ahead of it is answered and read, or its stream ends."""
    admission = Admission(Limits(calls=1, streams=9, bytes=100))
    with ExitStack() as stack:
        first, second = (stack.enter_context(admission.stream(claim("a"))) for _ in range(2))
        other = stack.enter_context(admission.stream(claim("b")))
        first.take(60)
        other.take(90)
        taken = threading.Event()

        def take() -> None:
            second.take(70)
            taken.set()

        waiting = threading.Thread(target=take)
        waiting.start()
        assert not taken.wait(0.05)
        first.give()
        assert taken.wait(5)
        waiting.join()
    assert not admission.under_way


def test_one_frame_may_always_be_under_way() -> None:
    """A frame larger than the whole budget passes alone."""
    admission = Admission(Limits(calls=1, streams=1, bytes=100))
    with admission.stream(claim("a")) as place:
        place.take(1_000)
        place.give()
        place.take(1_000)
    assert not admission.under_way


def test_waiting_frame_ends_with_its_stream() -> None:
    """A frame that waits when its stream ends is refused and leaves nothing behind."""
    admission = Admission(Limits(calls=1, streams=1, bytes=100))
    refused: list[RonganError] = []
    with admission.stream(claim("a")) as place:
        place.take(90)
        started = threading.Event()

        def take() -> None:
            started.set()
            try:
                place.take(90)
            except RonganError as error:
                refused.append(error)

        waiting = threading.Thread(target=take)
        waiting.start()
        assert started.wait(5)
    waiting.join()
    assert [error.metadata["limit"] for error in refused] == ["bytes"]
    assert not admission.under_way
