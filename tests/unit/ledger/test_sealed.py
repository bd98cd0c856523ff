from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rongan_share.errors import LedgerCorruptError, Reason
from rongan_share.ledger.sealed import SEAL_BYTES, seal, unseal

SEEDED = settings(deadline=None, derandomize=True, database=None, max_examples=200)


@SEEDED
@given(key=st.binary(min_size=1, max_size=20), payload=st.binary(max_size=100), data=st.data())
def test_every_flipped_bit_is_seen(key: bytes, payload: bytes, data: st.DataObject) -> None:
    """A sealed value comes back whole, or not at all once any bit of it has flipped."""
    value = seal(key, payload)
    assert unseal("t", key, value) == payload
    bit = data.draw(st.integers(0, 8 * len(value) - 1))
    flipped = bytearray(value)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(LedgerCorruptError):
        unseal("t", key, bytes(flipped))


def test_value_of_another_key_is_refused() -> None:
    """A value that was moved to another key must not pass for that key's."""
    with pytest.raises(LedgerCorruptError) as caught:
        unseal("quotas", b"b", seal(b"a", b"payload"))
    assert caught.value.reason is Reason.STORE_CORRUPT
    assert (caught.value.table, caught.value.key_hex) == ("quotas", "62")


@pytest.mark.parametrize("length", [0, 1, SEAL_BYTES - 1])
def test_value_too_short_for_a_seal_is_refused(length: int) -> None:
    """A value that is shorter than its checksum holds nothing to trust."""
    with pytest.raises(LedgerCorruptError):
        unseal("t", b"k", bytes(length))


def test_refusal_keeps_key_and_value_to_itself() -> None:
    """What a peer may read of a corrupt value names neither its key nor its content."""
    with pytest.raises(LedgerCorruptError) as caught:
        unseal("t", b"secret-key", b"secret-value-and-checksum")
    assert str(caught.value) == "STORE_CORRUPT"
    assert caught.value.metadata == {}
