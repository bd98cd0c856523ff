"""Private keys on disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rongan_share.model.profiles import Profile
from rongan_share.model.public_keys import CURVES
from rongan_share.model.refusals import IssueRefusedError, Rule


def generate_private_key(profile: Profile) -> ec.EllipticCurvePrivateKey:
    """Makes a new key of the kind that the profile makes."""
    curve = ec.SECP384R1() if profile.key.made_here == "P-384" else ec.SECP256R1()
    return ec.generate_private_key(curve)


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
    if private_key.curve.name not in CURVES:
        raise IssueRefusedError(Rule.KEY_FILE_UNREADABLE)
    return private_key
