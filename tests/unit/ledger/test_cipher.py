from __future__ import annotations

import re
import stat
import traceback
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rongan_share.errors import StartRefusedError
from rongan_share.ledger.cipher import KEY_BYTES, TokenCipher, read_key, write_key

SEEDED = settings(deadline=None, derandomize=True, database=None, max_examples=100)
KEY = bytes(range(32))
CIPHER = TokenCipher(KEY, key_id=3)
TOKENS = st.lists(st.binary(min_size=16, max_size=16), max_size=20)


def test_known_answer() -> None:
    """One token is one AES-256 block. Source: FIPS 197 appendix C.3."""
    token = bytes.fromhex("00112233445566778899aabbccddeeff")
    assert CIPHER.encipher(token).hex() == "8ea2b7ca516745bfeafc49904b496089"


@SEEDED
@given(tokens=TOKENS)
def test_cipher_is_a_permutation(tokens: list[bytes]) -> None:
    """Each token is enciphered for itself, equal ones alike, others apart, and back again."""
    column = b"".join(tokens)
    enciphered = CIPHER.encipher(column)
    assert CIPHER.decipher(enciphered) == column
    blocks = [enciphered[at : at + 16] for at in range(0, len(enciphered), 16)]
    assert blocks == [CIPHER.encipher(token) for token in tokens]
    assert len(set(blocks)) == len(set(tokens))


def test_other_key_gives_other_tokens() -> None:
    """The same token under another key looks different."""
    other = TokenCipher(bytes(32), key_id=3)
    assert other.encipher(KEY[:16]) != CIPHER.encipher(KEY[:16])


def test_cipher_shows_its_number_and_nothing_else() -> None:
    """Neither its text nor a traceback through it shows the key."""
    assert repr(CIPHER) == str(CIPHER) == "TokenCipher(key_id=3)"
    with pytest.raises(ValueError, match="key") as caught:
        TokenCipher(KEY[:5], key_id=1)
    said = "".join(traceback.format_exception(caught.value))
    assert KEY[:5].hex() not in said
    assert repr(KEY[:5]) not in said


def test_key_comes_back_and_is_private(tmp_path: Path) -> None:
    """A key that was written can be read by its owner alone, and is never overwritten."""
    path = tmp_path / "keys" / "hub-1.key"
    write_key(path, KEY)
    assert read_key(path, data_directory=tmp_path / "store") == KEY
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with pytest.raises(FileExistsError):
        write_key(path, bytes(KEY_BYTES))
    assert read_key(path, data_directory=tmp_path / "store") == KEY


def refused(path: Path, data_directory: Path) -> str:
    """Gives the reason of a refusal that must come and must not show the key."""
    with pytest.raises(StartRefusedError) as caught:
        read_key(path, data_directory=data_directory)
    said = "".join(traceback.format_exception(caught.value))
    assert KEY.hex()[:8] not in said
    return str(caught.value)


def test_key_inside_the_data_directory_is_refused(tmp_path: Path) -> None:
    """A key in the data directory would leave with every backup, by whatever path it is named."""
    store = tmp_path / "store"
    write_key(store / "deep" / "hub.key", KEY)
    link = tmp_path / "link.key"
    link.symlink_to(store / "deep" / "hub.key")
    for path in (store / "deep" / "hub.key", tmp_path / "x" / ".." / "store/deep/hub.key", link):
        assert "inside the data directory" in refused(path, store)
    alias = tmp_path / "alias"
    alias.symlink_to(store)
    assert "inside the data directory" in refused(store / "deep" / "hub.key", alias)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o610, 0o601])
def test_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    """A key file with any right for group or others is refused, saying what to do."""
    path = tmp_path / "hub.key"
    write_key(path, KEY)
    path.chmod(mode)
    assert re.search("set its mode to 0600", refused(path, tmp_path / "store"))


@pytest.mark.parametrize(
    "text",
    ["", "00" * 31, "00" * 33, KEY.hex() + KEY.hex(), KEY.hex()[:-1], "zz" * 32, "密" * 32],
)
def test_other_content_is_refused(tmp_path: Path, text: str) -> None:
    """A file that does not hold exactly 32 bytes in hexadecimal is no key."""
    path = tmp_path / "hub.key"
    path.touch(0o600)
    path.write_text(text, "utf-8")
    assert re.search(
        "cannot be read as a key|does not hold 32 bytes", refused(path, tmp_path / "s")
    )


def test_absent_key_is_refused(tmp_path: Path) -> None:
    """A key file that is not there, or is a directory, is refused."""
    assert "cannot be read" in refused(tmp_path / "absent.key", tmp_path / "store")
    assert "cannot be read" in refused(tmp_path, tmp_path / "store")
