"""Private keys on disk, and what kind a public key is."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from rongan_share.ca.profiles import KeyKind, Profile
from rongan_share.ca.refusals import IssueRefusedError, Rule

PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
"""A public key that some profile accepts."""

RSA_BITS = range(2_048, 4_097)
"""Bits of an RSA modulus; above, one signature costs the hub too much. Source: NIST SP 800-52r2."""

RSA_EXPONENTS = range(65_537, 2**64, 2)
"""Public exponents, odd. Source: CA/Browser Forum baseline requirements 6.1.6."""

_CURVES: dict[str, KeyKind] = {"secp256r1": KeyKind.P256, "secp384r1": KeyKind.P384}


def generate_private_key(profile: Profile) -> ec.EllipticCurvePrivateKey:
    """Makes a new key of the kind that the profile makes."""
    curve = ec.SECP384R1() if profile.key.made_here == "P-384" else ec.SECP256R1()
    return ec.generate_private_key(curve)


def check_public_key(public_key: CertificatePublicKeyTypes, *, profile: Profile) -> PublicKey:
    """Lets a key through that the profile accepts.

    Raises:
        IssueRefusedError: Of another kind (``KEY_KIND``), or RSA out of range (``RSA_SIZE``,
            ``RSA_EXPONENT``).
    """
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        kind = _CURVES.get(public_key.curve.name)
        if kind is None or kind not in profile.key.accepted:
            raise IssueRefusedError(Rule.KEY_KIND, f"curve {public_key.curve.name}")
        return public_key
    if not isinstance(public_key, rsa.RSAPublicKey) or KeyKind.RSA not in profile.key.accepted:
        met = type(public_key).__name__.removesuffix("PublicKey")
        raise IssueRefusedError(Rule.KEY_KIND, met)
    if public_key.key_size not in RSA_BITS:
        raise IssueRefusedError(Rule.RSA_SIZE, f"{public_key.key_size} bits")
    if public_key.public_numbers().e not in RSA_EXPONENTS:
        raise IssueRefusedError(Rule.RSA_EXPONENT)
    return public_key


def write_private_key(path: Path, private_key: ec.EllipticCurvePrivateKey) -> None:
    """Writes a key to a new file that only its owner may read, durably.

    Raises:
        FileExistsError: Something stands there already; a key is never overwritten.
    """
    pem = private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    # The mode is given at creation: a later chmod would leave a moment in which others can open it.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())


def load_private_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Reads a key from a file that only its owner may read.

    Raises:
        IssueRefusedError: Readable by group or world (``KEY_FILE_OPEN``), or not one unencrypted
            P-256 or P-384 key (``KEY_FILE_UNREADABLE``).
        OSError: The file cannot be opened.
    """
    with path.open("rb") as file:
        # Asked of the open file, so that it cannot be swapped between the question and the reading.
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise IssueRefusedError(Rule.KEY_FILE_OPEN)
        pem = file.read()
    try:
        private_key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The parser's own words are dropped: they may quote what it read.
        raise IssueRefusedError(Rule.KEY_FILE_UNREADABLE) from None
    if not isinstance(private_key, ec.EllipticCurvePrivateKey):
        raise IssueRefusedError(Rule.KEY_FILE_UNREADABLE)
    if private_key.curve.name not in _CURVES:
        raise IssueRefusedError(Rule.KEY_FILE_UNREADABLE)
    return private_key
