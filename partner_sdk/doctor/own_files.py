"""What can be wrong with the partner's own files, without asking anybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID

from partner_sdk.credentials import Credentials, CredentialsError
from partner_sdk.directory import CERTIFICATE_FILE
from partner_sdk.doctor.findings import Finding, failed, good, left_out, warned
from partner_sdk.renewal import due_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

_URGENT_DAYS = 14


@dataclass(slots=True)
class OwnFiles:
    """What the files hold, for the steps that follow.

    Attributes:
        credentials: What was loaded, dates aside; None = unfit.
        sound: No step found anything wrong.
    """

    credentials: Credentials | None = None
    sound: bool = False


def check_files(directory: Path, now: datetime, found: OwnFiles) -> Iterator[Finding]:
    """Checks form and modes, then the dates, then who signed the certificate.

    Args:
        directory: Where the credentials are.
        now: This machine's clock.
        found: Is filled in.
    """
    try:
        found.credentials = _load(directory, now)
    except CredentialsError as error:
        yield failed("files", f"files.{error.cause.name}", path=error.path)
        yield left_out("dates")
        yield left_out("authority")
        return
    yield good("files", "files_ok", identity=found.credentials.identity, path=directory)
    dates = _check_dates(found.credentials, now)
    chain = x509.load_pem_x509_certificates((directory / CERTIFICATE_FILE).read_bytes())
    authority = _check_authority(chain, found.credentials)
    found.sound = not (dates.fails or authority.fails)
    yield dates
    yield authority


def _load(directory: Path, now: datetime) -> Credentials:
    """Loads the files as of a day on which the certificate is valid."""
    try:
        raw = (directory / CERTIFICATE_FILE).read_bytes()
        leaf = x509.load_pem_x509_certificates(raw)[0]
    except (OSError, ValueError, IndexError):
        # It is named by what loads it.
        return Credentials.from_directory(directory, now=now)
    return Credentials.from_directory(directory, now=leaf.not_valid_before_utc)


def _check_dates(credentials: Credentials, now: datetime) -> Finding:
    values = {
        "begins": credentials.start_time.isoformat(),
        "ends": credentials.expiry_time.isoformat(),
        "now": now.isoformat(timespec="seconds"),
        "days": (credentials.expiry_time - now).days,
        "due": due_time(credentials).isoformat(timespec="seconds"),
    }
    if now < credentials.start_time:
        return failed("dates", "own_not_begun", **values)
    if now > credentials.expiry_time:
        return failed("dates", "own_ended", **values)
    if (credentials.expiry_time - now).days < _URGENT_DAYS:
        return warned("dates", "own_ends_soon", **values)
    if now > due_time(credentials):
        return good("dates", "own_due", **values)
    return good("dates", "own_dates_ok", **values)


def _check_authority(chain: list[x509.Certificate], credentials: Credentials) -> Finding:
    """Checks that the certificate comes from where the roots come from, and is a client's."""
    leaf, above = chain[0], chain[1:]
    issuer = leaf.issuer.rfc4514_string()
    if not _may_be_client(leaf):
        return failed("authority", "own_no_client")
    if leaf.issuer == leaf.subject:
        return failed("authority", "own_self_signed")
    roots = x509.load_pem_x509_certificates(credentials.roots_pem)
    if not above and not any(is_signed_by(leaf, root) for root in roots):
        # Without its authority nobody here can tell where it hangs.
        return left_out("authority")
    for issued, authority in zip(chain, above, strict=False):
        if not is_signed_by(issued, authority):
            return failed("authority", "own_chain_broken", issuer=issuer)
    if not any(is_signed_by(chain[-1], root) for root in roots):
        return failed("authority", "own_other_authority", issuer=issuer)
    return good("authority", "own_authority_ok", issuer=issuer)


def is_signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Tells whether one certificate signed another."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _may_be_client(leaf: x509.Certificate) -> bool:
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return ExtendedKeyUsageOID.CLIENT_AUTH in usages
