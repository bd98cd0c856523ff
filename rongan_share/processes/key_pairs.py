"""A key and its certificate, replaced together in two files, whatever breaks off in between.

The next key is written beside the key before anything is asked for it, so that whoever begins again
asks for the same certificate. The next certificate is written beside the certificate, and then both
are renamed, the key first. Between the two renames the files do not belong together: a listener
keeps what it has and looks again, and whoever comes after a crash finishes the renaming.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from rongan_share.errors import StartRefusedError


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Where a key and its certificate stand.

    Attributes:
        certificate: PEM, leaf first.
        key: PEM, 0600.
    """

    certificate: Path
    key: Path

    @property
    def next_certificate(self) -> Path:
        """Where the next certificate waits."""
        return self.certificate.with_name(f"{self.certificate.name}.next")

    @property
    def next_key(self) -> Path:
        """Where the next key waits."""
        return self.key.with_name(f"{self.key.name}.next")

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keeps others from changing them meanwhile, and finishes what was broken off before."""
        folder = os.open(self.key.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            self._finish()
            yield
        finally:
            os.close(folder)

    def recover(self) -> None:
        """Finishes a change that was broken off between its renames.

        Raises:
            OSError: A file cannot be read or renamed.
        """
        if self.next_key.exists() or self.next_certificate.exists():
            with self.changing():
                pass

    def prepare(self) -> bytes:
        """Makes the next key unless there is one; returns the request for its certificate, DER.

        Raises:
            StartRefusedError: What waits there is no key.
            OSError: A file cannot be read or written.
        """
        if not self.next_key.exists():
            self._write_next_key()
        name = x509.Name([])
        request = x509.CertificateSigningRequestBuilder().subject_name(name)
        signed = request.sign(_load_key(self.next_key), hashes.SHA256())
        return signed.public_bytes(Encoding.DER)

    def put_in_place(self, chain_pem: bytes) -> None:
        """Puts the next key and its certificate in the place of those before.

        Raises:
            OSError: A file cannot be written.
        """
        self.next_certificate.unlink(missing_ok=True)
        _write_new(self.next_certificate, chain_pem, mode=0o644)
        self._rename()

    def _write_next_key(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        draft = self.key.with_name(f".{self.key.name}.draft")
        # Half a key of a crash is nobody's: it takes its name only when it is whole.
        draft.unlink(missing_ok=True)
        _write_new(draft, pem, mode=0o600)
        draft.rename(self.next_key)
        _sync(self.key.parent)

    def _finish(self) -> None:
        if self.next_certificate.exists():
            waiting = self.next_key if self.next_key.exists() else self.key
            if _belong_together(self.next_certificate, waiting):
                self._rename()
            else:
                self.next_certificate.unlink()
        elif self.next_key.exists() and _belong_together(self.certificate, self.next_key):
            # The disk may have kept the second rename and lost the first.
            self._rename()

    def _rename(self) -> None:
        for waiting, place in (
            (self.next_key, self.key),
            (self.next_certificate, self.certificate),
        ):
            with suppress(FileNotFoundError):
                waiting.rename(place)
        for folder in {self.key.parent, self.certificate.parent}:
            _sync(folder)


def encode_chain(chain_der: tuple[bytes, ...]) -> bytes:
    """Writes certificates as PEM, in their order."""
    certificates = [x509.load_der_x509_certificate(der) for der in chain_der]
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def _belong_together(certificate: Path, key: Path) -> bool:
    try:
        leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
        return bool(leaf.public_key() == _load_key(key).public_key())
    except (ValueError, StartRefusedError):
        return False


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError):
        raise StartRefusedError(f"{path} holds no private key in PEM") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise StartRefusedError(f"{path} is no elliptic-curve key")
    return key


def _write_new(path: Path, content: bytes, *, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
