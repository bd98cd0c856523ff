from __future__ import annotations

import secrets
import threading

import pytest

from rongan_share.ledger.side_keys import SideKeys

KEY = bytes(range(32))
SHORT, LONG = b"a question" * 10, bytes(range(256)) * 400


@pytest.mark.parametrize("content", [b"", SHORT, LONG[:4_095], LONG[:4_096], LONG])
def test_digest_does_not_depend_on_the_pieces(content: bytes) -> None:
    """The same request gives the same digest however it is cut, and after a restart."""
    whole = SideKeys(KEY).blind((content,))
    assert len(whole) == 32
    for cut in (0, 1, len(content) // 3, len(content)):
        assert SideKeys(KEY).blind((content[:cut], content[cut:])) == whole


@pytest.mark.parametrize("content", [SHORT, LONG])
def test_digest_tells_contents_and_keys_apart(content: bytes) -> None:
    """One bit more or less, a byte at either end, or another hub key gives another digest."""
    keys = SideKeys(KEY)
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    others = [bytes(flipped), content + b"\0", b"\0" + content, content[:-1]]
    digests = {keys.blind((each,)) for each in (content, *others)}
    digests.add(SideKeys(KEY[::-1]).blind((content,)))
    assert len(digests) == 6


def test_nonces_open_again_from_any_thread() -> None:
    """What one thread seals, another opens; equal nonces are sealed equally by every thread."""
    keys = SideKeys(KEY)
    nonces = [secrets.token_bytes(32) for _ in range(50)]
    sealed: list[list[bytes]] = []

    def seal() -> None:
        sealed.append([keys.seal_nonce(nonce) for nonce in nonces])

    threads = [threading.Thread(target=seal) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(each == sealed[0] for each in sealed)
    assert len(sealed) == 4
    assert [SideKeys(KEY).open_nonce(each) for each in sealed[0]] == nonces


def test_keys_show_nothing() -> None:
    """No key stands in what is printed of them."""
    assert repr(SideKeys(KEY)) == "SideKeys()"
