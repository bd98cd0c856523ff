from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from rongan_share.ca import IssueRefusedError, Rule, load_private_key, write_private_key
from tests.support.pki import encode_key


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key of the usual kind."""
    return ec.generate_private_key(ec.SECP256R1())


def test_a_key_is_written_for_its_owner_only(tmp_path: Path) -> None:
    """The file is 0600 whatever the umask, and reads back as the same key."""
    key, path = new_key(), tmp_path / "key.pem"
    before = os.umask(0)
    try:
        write_private_key(path, key)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_private_key(path).private_numbers() == key.private_numbers()


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    """What stands at the path stays, be it a file or a link to nowhere."""
    path, link = tmp_path / "key.pem", tmp_path / "link.pem"
    path.write_text("mine")
    link.symlink_to(tmp_path / "nowhere")
    for taken in (path, link):
        with pytest.raises(FileExistsError):
            write_private_key(taken, new_key())
    assert path.read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    """A key that group or world may read or write is not used."""
    path = tmp_path / "key.pem"
    write_private_key(path, new_key())
    path.chmod(mode)
    with pytest.raises(IssueRefusedError) as refusal:
        load_private_key(path)
    assert refusal.value.rule is Rule.KEY_FILE_OPEN


def encrypted() -> bytes:
    """A key under a password."""
    return new_key().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    )


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n",
        encrypted(),
        encode_key(ed25519.Ed25519PrivateKey.generate()),
        encode_key(ec.generate_private_key(ec.SECP521R1())),
    ],
    ids=["empty", "broken", "encrypted", "Ed25519", "P-521"],
)
def test_an_unusable_key_is_refused(tmp_path: Path, pem: bytes) -> None:
    """A file that is no usable key is refused in fixed words, without a cause that quotes it."""
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(pem)
    with pytest.raises(IssueRefusedError) as refusal:
        load_private_key(path)
    assert str(refusal.value) == Rule.KEY_FILE_UNREADABLE.value
    assert refusal.value.__cause__ is None
