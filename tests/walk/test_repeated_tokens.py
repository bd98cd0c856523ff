from __future__ import annotations

import struct

import pytest

from rongan_share.services.verdict import MOST_DETAILS
from rongan_share.wire import frames
from rongan_share.wire.vocabulary import IdentifierType
from tests.support.hub import HubUnderTest, Stubs
from tests.walk.asking import (
    LISTED,
    Row,
    ask_stream,
    check,
    contribute,
    fresh,
    stream,
    verdict_frame,
    verdict_open,
)

HOT_LISTINGS = 3_000


@pytest.fixture(scope="module")
def source(hub: HubUnderTest) -> Stubs:
    """An institution that contributes."""
    return hub.partner("t-source")


@pytest.fixture(scope="module")
def asker(hub: HubUnderTest) -> Stubs:
    """An institution that asks and may see everything."""
    return hub.partner("t-asker")


def test_repeated_tokens_are_each_answered(source: Stubs, asker: Stubs) -> None:
    """A token that stands in a frame several times is listed, and charged, each time."""
    hot, other, absent = fresh(), fresh(), fresh()
    contribute(source, [Row(token=hot, reference=fresh()), Row(token=other, reference=fresh())])
    (answer,) = stream(asker, hot + absent + hot + other + absent + hot)
    assert struct.unpack("<4I", answer.listed_index) == (0, 2, 3, 5)
    summaries = [answer.listed_summary[at : at + 16] for at in range(0, 64, 16)]
    assert len(set(summaries)) == 1
    assert answer.not_listed_count == 2


def test_repeated_token_counts_once_in_a_subject(source: Stubs, asker: Stubs) -> None:
    """Two tokens meet in one record only if they are two."""
    hot, other, reference = fresh(), fresh(), fresh()
    contribute(source, [Row(token=each, reference=reference) for each in (hot, other)])
    assert check(asker, hot, hot).matched_count == 1
    assert check(asker, hot, other, hot).matched_count == 2
    ends = struct.pack("<2I", 2, 5)
    tokens = hot + hot + hot + other + hot
    (answer,) = ask_stream(asker, verdict_open(), verdict_frame(1, tokens, subject_end=ends))
    assert answer.subject_matched == bytes([1, 2])
    assert struct.unpack("<QHBBBHB", answer.subject_summary[:16])[4] == 1


def test_one_token_declared_as_two_types(hub: HubUnderTest, source: Stubs) -> None:
    """Where an agreement limits types, the same token is answered by what each was declared as."""
    hot = fresh()
    sequence = contribute(source, [Row(token=hot, reference=fresh())])[-1].sequence
    limited = hub.partner("t-types", identifier_type_bits=1 << IdentifierType.PASSPORT)
    types = bytes([IdentifierType.PAN, IdentifierType.PASSPORT, IdentifierType.PAN])
    opening = verdict_open(at_least_sequence=sequence)
    (answer,) = ask_stream(limited, opening, verdict_frame(1, hot * 3, types=types))
    assert struct.unpack("<I", answer.listed_index) == (1,)
    assert struct.unpack("<2I", answer.other_index) == (0, 2)
    assert answer.other_state == bytes([frames.OTHER_NOT_ENTITLED_TYPE] * 2)


def test_frame_full_of_one_hot_token(source: Stubs, asker: Stubs) -> None:
    """A frame of 65,536 times a token with thousands of listings costs one look-up."""
    hot = fresh()
    contribute(source, [Row(token=hot, reference=fresh()) for _ in range(HOT_LISTINGS)])
    (answer,) = stream(asker, hot * frames.MAX_FRAME_TOKENS)
    assert len(answer.listed_index) == 4 * frames.MAX_FRAME_TOKENS
    shown = check(asker, hot)
    assert shown.state == LISTED
    assert (shown.listing_count, len(shown.listings)) == (HOT_LISTINGS, MOST_DETAILS)


def test_subjects_full_of_one_hot_token(source: Stubs, asker: Stubs) -> None:
    """Thousands of subjects that share a hot token are folded in parts, each as if alone."""
    hot, count = fresh(), 2_000
    acks = contribute(source, [Row(token=hot, reference=fresh()) for _ in range(HOT_LISTINGS)])
    opening, absent = verdict_open(at_least_sequence=acks[-1].sequence), fresh()
    ends = struct.pack(f"<{count}I", *range(2, 2 * count + 1, 2))
    (answer,) = ask_stream(
        asker, opening, verdict_frame(1, (hot + absent) * count, subject_end=ends)
    )
    assert struct.unpack(f"<{count}I", answer.listed_subject) == tuple(range(count))
    assert answer.subject_matched == bytes([1]) * count
    assert len({answer.subject_summary[at : at + 16] for at in range(0, 16 * count, 16)}) == 1
