"""Hub keys in their folder, and what the ledger keeps of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from rongan_share.errors import StartRefusedError
from rongan_share.ledger.cipher import TokenCipher, write_key
from rongan_share.ledger.counters import forget_key, get_key_check, get_wrapped_secret, put_hub_id
from rongan_share.ledger.environment import Ledger, Table
from rongan_share.ledger.hub_keys import HubKeys, marks_of, next_key_id, previous_key_id
from rongan_share.ledger.side_keys import SideKeys
from rongan_share.model.hub_key import HubKey, RekeyPhase

FIRST, SECOND, SECRET = bytes(range(32)), bytes(range(1, 33)), b"\x5a" * 32
TOKEN = bytes(range(16))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger that uses hub key 1."""
    write_key(tmp_path / "keys" / "hub-1.key", FIRST)
    Ledger.create(tmp_path / "data")
    with Ledger(tmp_path / "data") as ledger:
        with ledger.write() as txn:
            put_hub_id(txn, "one")
            marks_of(FIRST, SECRET, hub_id="one", key_id=1).put(txn, 1)
        yield ledger


@pytest.fixture
def keys(ledger: Ledger, tmp_path: Path) -> HubKeys:
    """Its hub keys."""
    return HubKeys(tmp_path / "keys", ledger, data_directory=tmp_path / "data")


def test_side_keys_stay_with_another_hub_key(ledger: Ledger, keys: HubKeys, tmp_path: Path) -> None:
    """The side secret wrapped anew under the next key gives the same nonces, digests and owners."""
    write_key(keys.path(2), SECOND)
    owners = keys.side_keys(1).owner_secret
    marks = keys.marks_of_next(2, present_id=1)
    assert keys.digest_of_file(2) == hashlib.sha256(SECOND).digest()
    with ledger.write() as txn:
        marks.put(txn, 2)
        forget_key(txn, 1)
    anew = HubKeys(tmp_path / "keys", ledger, data_directory=tmp_path / "data")
    assert anew.side_keys(2).blind((TOKEN,)) == SideKeys(SECRET).blind((TOKEN,))
    assert anew.side_keys(2).owner_secret == owners
    assert anew.cipher(2).encipher(TOKEN) == TokenCipher(SECOND, key_id=2).encipher(TOKEN)
    with pytest.raises(StartRefusedError, match="is not key 1 of this store"):
        anew.cipher(1)


def test_ledger_holds_nothing_that_opens_without_the_key(ledger: Ledger) -> None:
    """Neither the hub key nor the side secret stands in the store; no two wrappings are equal."""
    with ledger.read() as txn:
        kept = [payload for _, payload in txn.scan(Table.META)]
        wrapped = get_wrapped_secret(txn, 1)
        assert get_key_check(txn, 1)
    for secret in (FIRST, SECRET):
        assert not any(secret[:8] in payload for payload in kept)
    assert wrapped != marks_of(FIRST, SECRET, hub_id="one", key_id=1).wrapped_secret


@pytest.mark.parametrize("spoilt", ["hub", "number", "bytes", "none"])
def test_side_secret_of_something_else_does_not_open(
    ledger: Ledger, keys: HubKeys, spoilt: str
) -> None:
    """Wrapped for another hub or key number, damaged or absent, it refuses the start."""
    marks = marks_of(
        FIRST,
        SECRET,
        hub_id="two" if spoilt == "hub" else "one",
        key_id=2 if spoilt == "number" else 1,
    )
    wrapped = bytearray(marks.wrapped_secret)
    wrapped[-1] ^= spoilt == "bytes"
    with ledger.write() as txn:
        forget_key(txn, 1)
        marks._replace(wrapped_secret=b"" if spoilt == "none" else bytes(wrapped)).put(txn, 1)
    with pytest.raises(StartRefusedError, match="no secret that opens under hub key 1"):
        keys.side_keys(1)


@pytest.mark.parametrize("phase", [RekeyPhase.BUILDING, RekeyPhase.REWRITING])
def test_each_key_in_use_must_be_there(keys: HubKeys, phase: RekeyPhase) -> None:
    """A key that comes, or that is left, is looked for like the present one."""
    building = phase is RekeyPhase.BUILDING
    keys.verify(HubKey(key_id=1))
    with pytest.raises(StartRefusedError, match=r"hub-2\.key cannot be read"):
        keys.verify(
            HubKey(key_id=1, phase=phase, next_key_id=2 * building, old_key_id=2 * (not building))
        )
    write_key(keys.path(2), SECOND)
    with pytest.raises(StartRefusedError, match="is not key 2 of this store"):
        keys.verify(HubKey(key_id=1, phase=phase, old_key_id=2))
    keys.verify(HubKey(key_id=1, phase=RekeyPhase.REWRITTEN, old_key_id=2))
    assert repr(keys) == "HubKeys([1])"


def test_next_key_must_be_another(keys: HubKeys) -> None:
    """The same key under the next number would change nothing."""
    write_key(keys.path(2), FIRST)
    with pytest.raises(StartRefusedError, match="is key 1 once more"):
        keys.marks_of_next(2, present_id=1)


def test_numbers_go_round() -> None:
    """After 255 comes 1; 0 stands for none."""
    assert [next_key_id(1), next_key_id(254), next_key_id(255)] == [2, 255, 1]
    assert [previous_key_id(each) for each in (2, 255, 1)] == [1, 254, 255]
