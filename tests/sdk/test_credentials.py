"""Files that are refused before dialling, each for its own reason."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from partner_sdk import Credentials, CredentialsCause, CredentialsError, make_key_and_request

NOW = datetime(2026, 11, 24, tzinfo=timezone.utc)
DAY = timedelta(days=1)
URI = "spiffe://rongan.test/partner/bank-a"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
P256 = ec.generate_private_key(ec.SECP256R1())


def certificate(key: Key, uris: tuple[str, ...] = (URI,), *, now: datetime = NOW) -> bytes:
    """Makes a self-signed certificate with these URI names, valid a day before and after."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bank-a")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
    )
    names = [*map(x509.UniformResourceIdentifier, uris), x509.DNSName("bank-a.example")]
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(Encoding.PEM)


def key_pem(key: Key, encryption: KeySerializationEncryption | None = None) -> bytes:
    """Writes a private key."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


@pytest.fixture(name="folder")
def good_folder(tmp_path: Path) -> Path:
    """Makes a folder of credentials with nothing wrong."""
    write(tmp_path, certificate(P256), key_pem(P256))
    return tmp_path


def write(folder: Path, certificate_pem: bytes, key: bytes) -> None:
    """Writes the three files."""
    (folder / "certificate.pem").write_bytes(certificate_pem)
    (folder / "roots.pem").write_bytes(certificate(P256))
    (folder / "key.pem").write_bytes(key)
    (folder / "key.pem").chmod(0o600)


def cause(folder: Path, *, now: datetime = NOW) -> CredentialsCause:
    """Loads a folder that is refused and gives the reason."""
    with pytest.raises(CredentialsError) as caught:
        Credentials.from_directory(folder, now=now)
    assert "PRIVATE" not in repr(caught.value) + str(caught.value)
    return caught.value.cause


def test_good_files_load(folder: Path) -> None:
    """Good files give the identity and the end of validity, and show no key."""
    credentials = Credentials.from_directory(folder, now=NOW)
    assert credentials.identity == URI
    assert credentials.expiry_time == NOW + DAY
    assert "PRIVATE" not in repr(credentials)
    assert "CERTIFICATE" not in repr(credentials)


@pytest.mark.parametrize("name", ["certificate.pem", "key.pem", "roots.pem"])
def test_missing_file(folder: Path, name: str) -> None:
    """Each file is named when it is missing."""
    (folder / name).unlink()
    with pytest.raises(CredentialsError) as caught:
        Credentials.from_directory(folder, now=NOW)
    assert caught.value.cause is CredentialsCause.FILE_MISSING
    assert caught.value.path.name == name


def test_unreadable_file(folder: Path) -> None:
    """A folder in the place of a file cannot be read."""
    (folder / "roots.pem").unlink()
    (folder / "roots.pem").mkdir()
    assert cause(folder) is CredentialsCause.FILE_UNREADABLE


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_key_that_others_may_read(folder: Path, mode: int) -> None:
    """A key that group or world may read is refused."""
    (folder / "key.pem").chmod(mode)
    assert cause(folder) is CredentialsCause.KEY_OPEN_TO_OTHERS


def test_encrypted_key(folder: Path) -> None:
    """An encrypted key is refused, not asked a passphrase for."""
    write(folder, certificate(P256), key_pem(P256, BestAvailableEncryption(b"secret")))
    assert cause(folder) is CredentialsCause.KEY_ENCRYPTED


def test_malformed_files(folder: Path) -> None:
    """What is no PEM is refused by the kind of file it should be."""
    write(folder, certificate(P256), b"-----BEGIN PRIVATE KEY-----\nAAAA\n")
    assert cause(folder) is CredentialsCause.KEY_MALFORMED
    write(folder, b"", key_pem(P256))
    assert cause(folder) is CredentialsCause.CERTIFICATE_MALFORMED
    write(folder, certificate(P256), key_pem(P256))
    (folder / "roots.pem").write_bytes(b"junk")
    assert cause(folder) is CredentialsCause.ROOTS_MALFORMED


@pytest.mark.parametrize(
    "key",
    [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(65537, 1024),
    ],
    ids=["Ed25519", "P-521", "RSA-1024"],
)
def test_key_that_the_transport_cannot_use(folder: Path, key: Key) -> None:
    """Keys that gRPC cannot use, or that are too short, are refused before the handshake."""
    write(folder, certificate(key), key_pem(key))
    assert cause(folder) is CredentialsCause.KEY_UNSUPPORTED


def test_key_of_another_certificate(folder: Path) -> None:
    """A key that does not belong to the leaf is refused."""
    write(folder, certificate(P256), key_pem(ec.generate_private_key(ec.SECP256R1())))
    assert cause(folder) is CredentialsCause.KEY_MISMATCH


def test_dates(folder: Path) -> None:
    """A certificate outside its dates is refused, each side with its own reason."""
    assert cause(folder, now=NOW + 2 * DAY) is CredentialsCause.EXPIRED
    assert cause(folder, now=NOW - 2 * DAY) is CredentialsCause.NOT_YET_VALID


@pytest.mark.parametrize("uris", [(), (URI, "spiffe://rongan.test/partner/bank-b")])
def test_identity_must_be_one(folder: Path, uris: tuple[str, ...]) -> None:
    """A certificate names exactly one caller; a DNS name or the common name does not count."""
    write(folder, certificate(P256, uris), key_pem(P256))
    assert cause(folder) is CredentialsCause.IDENTITY_UNREADABLE


def test_key_and_request_are_made(tmp_path: Path) -> None:
    """The key is private and P-256, the request is signed by it and names the partner."""
    key_path, request_path = make_key_and_request(tmp_path / "bank-a", "bank-a")
    assert key_path.stat().st_mode & 0o777 == 0o600
    request = x509.load_pem_x509_csr(request_path.read_bytes())
    assert request.is_signature_valid
    assert isinstance(request.public_key(), ec.EllipticCurvePublicKey)
    (name,) = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "bank-a"


def test_key_is_never_replaced(tmp_path: Path) -> None:
    """A second request leaves the first key as it was."""
    key_path, _ = make_key_and_request(tmp_path, "bank-a")
    before = key_path.read_bytes()
    with pytest.raises(FileExistsError):
        make_key_and_request(tmp_path, "bank-a")
    assert key_path.read_bytes() == before
