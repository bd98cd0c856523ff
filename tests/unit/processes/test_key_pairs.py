"""A key and its certificate are replaced together, wherever it breaks off. trust: X2."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from rongan_share.processes.key_pairs import KeyPair
from tests.support.clock import last_noon
from tests.support.pki import DAY


class Killed(BaseException):
    """What a kill is to the code that it meets."""


def certified(request_der: bytes) -> bytes:
    """A certificate for the key of a request, PEM; who signs does not matter here."""
    request, signer = x509.load_der_x509_csr(request_der), ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder(issuer_name=x509.Name([]), subject_name=x509.Name([]))
        .public_key(request.public_key())
        .serial_number(1)
        .not_valid_before(last_noon())
        .not_valid_after(last_noon() + DAY)
    )
    return builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM)


def fits(pair: KeyPair) -> bool:
    """Whether certificate and key belong together."""
    leaf = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    key = load_pem_private_key(pair.key.read_bytes(), password=None)
    return leaf.public_key() == key.public_key()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[KeyPair]:
    """A pair in use."""
    made = KeyPair(tmp_path / "hub.crt.pem", tmp_path / "hub.key.pem")
    made.put_in_place(certified(made.prepare()))
    assert fits(made)
    yield made
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"hub.crt.pem", "hub.key.pem"}, "nothing is left over"


def test_killed_before_the_answer_asks_for_the_same_key(pair: KeyPair) -> None:
    """The next key waits for its certificate, and its mode is 0600."""
    before = pair.key.read_bytes()
    with pair.changing():
        first = pair.prepare()
    assert pair.next_key.stat().st_mode & 0o777 == 0o600
    pair.recover()
    assert pair.key.read_bytes() == before
    with pair.changing():
        second = pair.prepare()
        keys = [x509.load_der_x509_csr(each).public_key() for each in (first, second)]
        assert keys[0] == keys[1]
        pair.put_in_place(certified(second))
    assert fits(pair)
    assert pair.key.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("renamed", [0, 1])
def test_killed_between_the_renames_is_finished(
    pair: KeyPair, renamed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes next finds key and certificate that belong together."""
    rename = os.rename
    done: list[Path] = []

    def kill(source: Path, target: Path) -> None:
        if len(done) == renamed:
            raise Killed
        done.append(target)
        rename(source, target)

    request = pair.prepare()
    chain = certified(request)
    monkeypatch.setattr("os.rename", kill)
    with pytest.raises(Killed):
        pair.put_in_place(chain)
    monkeypatch.undo()
    pair.recover()
    assert fits(pair)
    leaf = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    assert leaf.public_key() == x509.load_der_x509_csr(request).public_key()


def test_the_second_rename_alone_on_disk_is_finished(pair: KeyPair) -> None:
    """A disk may keep the later rename and lose the earlier one."""
    pair.certificate.write_bytes(certified(pair.prepare()))
    assert not fits(pair)
    pair.recover()
    assert fits(pair)


def test_half_a_certificate_is_dropped(pair: KeyPair) -> None:
    """What does not fit the waiting key is no certificate for it; what is in use stays."""
    pair.next_certificate.write_bytes(b"-----BEGIN CERT")
    pair.recover()
    assert fits(pair)
