"""The partner's key and certificates, checked before dialling.

A hub that refuses a certificate in the handshake can only drop the connection, which looks like a
hub that is down. So what can be wrong with the files is found here and named.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from partner_sdk.clock import utc_now
from partner_sdk.directory import CERTIFICATE_FILE, KEY_FILE, ROOTS_FILE, CredentialsDirectory
from partner_sdk.errors import SdkError

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

__all__ = [
    "CERTIFICATE_FILE",
    "KEY_FILE",
    "ROOTS_FILE",
    "Credentials",
    "CredentialsCause",
    "CredentialsError",
]

_SHORTEST_RSA_BITS = 2048
_OPEN_MODE = stat.S_IRWXG | stat.S_IRWXO


class CredentialsCause(Enum):
    """What is wrong with the files."""

    FILE_MISSING = "the file does not exist"
    FILE_UNREADABLE = "the file cannot be read"
    KEY_OPEN_TO_OTHERS = "group or others may read the key; run chmod 600"
    KEY_ENCRYPTED = "the key is encrypted; the SDK takes no passphrase"
    KEY_MALFORMED = "not a private key in PEM"
    KEY_UNSUPPORTED = "the key is neither P-256, P-384 nor RSA of 2048 bits or more"
    CERTIFICATE_MALFORMED = "not a certificate in PEM"
    ROOTS_MALFORMED = "no root certificate in PEM"
    KEY_MISMATCH = "the key does not belong to the certificate"
    NOT_YET_VALID = "the certificate is not valid yet; is this machine's clock right?"
    EXPIRED = "the certificate has expired"
    IDENTITY_UNREADABLE = "the certificate does not hold exactly one URI name"


class CredentialsError(SdkError):
    """Files were refused.

    Attributes:
        cause: What is wrong, a fixed word.
        path: The file that it is about.
    """

    def __init__(self, cause: CredentialsCause, path: Path) -> None:
        super().__init__(f"{path}: {cause.value}")
        self.cause = cause
        self.path = path


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Contents of the three files, never shown."""

    chain: bytes = field(repr=False)
    key: bytes = field(repr=False)
    roots: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Key and certificates that were checked; made by `from_directory` or `from_files`.

    Attributes:
        identity: The URI name of the certificate, which says who the caller is.
        start_time: From when on the certificate is valid.
        expiry_time: Until when the certificate is valid.
        roots_pem: The roots by which the hub is recognised.
        directory: Where they were loaded from, or None: from single files or from memory.
    """

    identity: str
    start_time: datetime
    expiry_time: datetime
    roots_pem: bytes = field(repr=False)
    _chain_pem: bytes = field(repr=False)
    _key_pem: bytes = field(repr=False)
    directory: Path | None = None

    @classmethod
    def from_directory(cls, directory: Path | str, *, now: datetime | None = None) -> Credentials:
        """Loads ``certificate.pem``, ``key.pem`` and ``roots.pem``.

        A replacement of the files that a crash cut short is completed first.

        Args:
            directory: Where they are.
            now: Instant to judge the certificate's dates by, aware; None = the machine's clock.

        Raises:
            CredentialsError: A file is missing, unfit, or does not match the others.
        """
        folder = CredentialsDirectory(directory)
        # A directory that others may only read is left as it is.
        with suppress(OSError):
            folder.settle()
        try:
            return cls.from_held(folder, now=now)
        except CredentialsError as error:
            if error.cause is not CredentialsCause.KEY_MISMATCH:
                raise
            mismatch = error
        # Another process may replace them at this moment, and has done so once the lock is free.
        try:
            with folder.locked():
                return cls.from_held(folder, now=now)
        except OSError:
            raise mismatch from None

    @classmethod
    def from_held(
        cls, directory: CredentialsDirectory, *, now: datetime | None = None
    ) -> Credentials:
        """Loads what stands in a directory now, as one does who holds it.

        Args:
            directory: Where the files are.
            now: Instant to judge the certificate's dates by, aware; None = the machine's clock.

        Raises:
            CredentialsError: A file is missing, unfit, or does not match the others.
        """
        folder = directory.path
        loaded = cls.from_files(
            folder / CERTIFICATE_FILE, folder / KEY_FILE, folder / ROOTS_FILE, now=now
        )
        return replace(loaded, directory=folder)

    @classmethod
    def from_files(
        cls, certificate: Path, key: Path, roots: Path, *, now: datetime | None = None
    ) -> Credentials:
        """Loads the three files from where they are.

        Args:
            certificate: PEM, the leaf first, then its intermediates.
            key: PEM, not encrypted, readable by its owner alone.
            roots: PEM, the roots by which the hub is recognised.
            now: Instant to judge the certificate's dates by, aware; None = the machine's clock.

        Raises:
            CredentialsError: A file is missing, unfit, or does not match the others.
        """
        pieces = _Pieces(_read(certificate), _read(key, private=True), _read(roots))
        return cls._checked(pieces, (certificate, key, roots), now)

    @classmethod
    def from_pem(
        cls, certificate: bytes, key: bytes, roots: bytes, *, now: datetime | None = None
    ) -> Credentials:
        """Checks what is not in files yet.

        Args:
            certificate: PEM, the leaf first, then its intermediates.
            key: PEM, not encrypted.
            roots: PEM, the roots by which the hub is recognised.
            now: Instant to judge the certificate's dates by, aware; None = the machine's clock.

        Raises:
            CredentialsError: One is unfit, or does not match the others.
        """
        paths = Path(CERTIFICATE_FILE), Path(KEY_FILE), Path(ROOTS_FILE)
        return cls._checked(_Pieces(certificate, key, roots), paths, now)

    @classmethod
    def _checked(
        cls, pieces: _Pieces, paths: tuple[Path, Path, Path], now: datetime | None
    ) -> Credentials:
        certificate, key, roots = paths
        leaf = _parse_certificates(
            pieces.chain, certificate, CredentialsCause.CERTIFICATE_MALFORMED
        )
        _parse_certificates(pieces.roots, roots, CredentialsCause.ROOTS_MALFORMED)
        _verify_key(_parse_key(pieces.key, key), leaf, key)
        _verify_dates(leaf, certificate, now or utc_now())
        return cls(
            identity=_read_identity(leaf, certificate),
            start_time=leaf.not_valid_before_utc,
            expiry_time=leaf.not_valid_after_utc,
            roots_pem=pieces.roots,
            _chain_pem=pieces.chain,
            _key_pem=pieces.key,
        )

    def with_roots(self, roots_pem: bytes) -> Credentials:
        """Returns the same pair with other roots."""
        return replace(self, roots_pem=roots_pem)

    def for_channel(self) -> grpc.ChannelCredentials:
        """Makes what a grpc channel needs for mutual TLS."""
        return grpc.ssl_channel_credentials(
            root_certificates=self.roots_pem,
            private_key=self._key_pem,
            certificate_chain=self._chain_pem,
        )


def load_key(path: Path) -> PrivateKeyTypes:
    """Loads a key that its owner alone may read.

    Raises:
        CredentialsError: The file is missing or unfit.
    """
    return _parse_key(_read(path, private=True), path)


def _read(path: Path, *, private: bool = False) -> bytes:
    try:
        with path.open("rb") as file:
            # The open file is asked, not the path, so that nobody can swap the file in between.
            mode = os.fstat(file.fileno()).st_mode
            if private and os.name == "posix" and mode & _OPEN_MODE:
                raise CredentialsError(CredentialsCause.KEY_OPEN_TO_OTHERS, path)
            return file.read()
    except FileNotFoundError:
        raise CredentialsError(CredentialsCause.FILE_MISSING, path) from None
    except OSError:
        raise CredentialsError(CredentialsCause.FILE_UNREADABLE, path) from None


def _parse_certificates(pem: bytes, path: Path, cause: CredentialsCause) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(pem)[0]
    except (ValueError, IndexError):
        raise CredentialsError(cause, path) from None


def _parse_key(pem: bytes, path: Path) -> PrivateKeyTypes:
    # The cause is never chained: an exception of the parser could quote the key.
    try:
        return load_pem_private_key(pem, password=None)
    except TypeError:
        raise CredentialsError(CredentialsCause.KEY_ENCRYPTED, path) from None
    except (ValueError, UnsupportedAlgorithm):
        raise CredentialsError(CredentialsCause.KEY_MALFORMED, path) from None


def _verify_key(key: PrivateKeyTypes, leaf: x509.Certificate, path: Path) -> None:
    fit = (
        isinstance(key, ec.EllipticCurvePrivateKey)
        and isinstance(key.curve, (ec.SECP256R1, ec.SECP384R1))
    ) or (isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _SHORTEST_RSA_BITS)
    if not fit:
        raise CredentialsError(CredentialsCause.KEY_UNSUPPORTED, path)
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if key.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        raise CredentialsError(CredentialsCause.KEY_MISMATCH, path)


def _verify_dates(leaf: x509.Certificate, path: Path, now: datetime) -> None:
    if now < leaf.not_valid_before_utc:
        raise CredentialsError(CredentialsCause.NOT_YET_VALID, path)
    if now > leaf.not_valid_after_utc:
        raise CredentialsError(CredentialsCause.EXPIRED, path)


def _read_identity(leaf: x509.Certificate, path: Path) -> str:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    except (x509.ExtensionNotFound, ValueError):
        uris = []
    if len(uris) != 1:
        raise CredentialsError(CredentialsCause.IDENTITY_UNREADABLE, path)
    return uris[0]
