"""Renewing a certificate: a new key, a new certificate, one use of both, and only then the move.

Whatever breaks off in between is taken up again: the key that is to come stays in ``next`` until
its certificate is in place, and the hub answers the same key with the same certificate.
"""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding

from partner_sdk.calls import Connections
from partner_sdk.clock import utc_now
from partner_sdk.credentials import Credentials, CredentialsError, load_key
from partner_sdk.directory import (
    CERTIFICATE_FILE,
    KEY_FILE,
    ROOTS_FILE,
    CredentialsDirectory,
    write_whole,
)
from partner_sdk.enrolment import make_key, make_request
from partner_sdk.errors import (
    AnswerMalformedError,
    FailedPreconditionError,
    InvalidRequestError,
    UnauthenticatedError,
    UnavailableError,
)
from partner_sdk.retry import CALL_POLICY
from partner_sdk.trust import encode_chain, newer_roots
from rongan_share.v1.certificate_service_pb2 import (
    GetTrustBundleRequest,
    RenewCertificateRequest,
    SignedTrustBundle,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

TIMEOUT_SECONDS = 10.0
"""Time for one call: the hub asks its signer meanwhile."""

_FINAL = UnauthenticatedError, FailedPreconditionError, InvalidRequestError
_LOGGER = logging.getLogger("partner_sdk")


def due_time(credentials: Credentials) -> datetime:
    """Tells from when on a hub renews a certificate: two thirds of its life."""
    return credentials.start_time + (credentials.expiry_time - credentials.start_time) * 2 / 3


def renew(
    directory: Path | str,
    target: str,
    *,
    now: datetime | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Credentials:
    """Gets the certificate that follows the one in a directory, and puts it in its place.

    Args:
        directory: Where the credentials are.
        target: ``host:port`` of the hub.
        now: Instant to judge dates by, aware; None = the machine's clock.
        timeout_seconds: Time for each call.

    Returns:
        The new credentials, in place and used once.

    Raises:
        DirectoryBusyError: Another process is at it; load the directory again later.
        CredentialsError: What is there is unfit.
        HubRefusalError: The hub refused, such as RENEWAL_NOT_DUE, or could not be reached.
        AnswerMalformedError: What the hub gave is no certificate for the key.
        OSError: The directory cannot be written.
    """
    folder = CredentialsDirectory(directory)
    instant = now or utc_now()
    with folder.locked(wait=False):
        try:
            pair = _next_pair(folder, instant) or _ask(
                folder, target, instant, timeout_seconds=timeout_seconds
            )
            # The first use makes the hub let the one before go, so nothing is moved before it.
            get_bundle(target, pair, timeout_seconds=timeout_seconds)
        except _FINAL:
            shutil.rmtree(folder.next, ignore_errors=True)
            raise
        pieces = {name: (folder.next / name).read_bytes() for name in (KEY_FILE, CERTIFICATE_FILE)}
        folder.replace(pieces)
        return Credentials.from_held(folder, now=instant)


def refresh_roots(
    directory: Path | str,
    target: str,
    *,
    now: datetime | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> bool:
    """Asks the hub by which roots it is recognised, and takes newer ones that a trusted one signed.

    Args:
        directory: Where the credentials are.
        target: ``host:port`` of the hub.
        now: Instant to judge dates by, aware; None = the machine's clock.
        timeout_seconds: Time for each call.

    Returns:
        Whether the roots were replaced.

    Raises:
        DirectoryBusyError: Another process is at it.
        CredentialsError: What is there is unfit.
        HubRefusalError: The hub refused or could not be reached.
        OSError: The directory cannot be written.
    """
    folder = CredentialsDirectory(directory)
    with folder.locked(wait=False):
        held = Credentials.from_held(folder, now=now)
        offered = get_bundle(target, held, timeout_seconds=timeout_seconds)
        files = newer_roots(held, folder.path, offered)
        if not files:
            return False
        try:
            get_bundle(target, held.with_roots(files[ROOTS_FILE]), timeout_seconds=timeout_seconds)
        except UnavailableError:
            _LOGGER.warning("the hub is not recognised by its newer roots; the older ones stay")
            return False
        folder.replace(files)
    return True


def get_bundle(
    target: str, credentials: Credentials, *, timeout_seconds: float = TIMEOUT_SECONDS
) -> SignedTrustBundle:
    """Gets the trust bundle over a connection of its own, which proves the credentials."""
    connections = Connections.dial(target, credentials, count=1, policy=CALL_POLICY)
    try:
        answer = connections.call(
            lambda stubs: stubs.certificate.GetTrustBundle,
            GetTrustBundleRequest(),
            timeout_seconds=timeout_seconds,
        )
    finally:
        connections.close()
    return answer.trust_bundle


def _next_pair(folder: CredentialsDirectory, now: datetime) -> Credentials | None:
    """Loads the pair that is to come, if an earlier renewal came that far."""
    certificate, key = folder.next / CERTIFICATE_FILE, folder.next / KEY_FILE
    if not certificate.exists():
        return None
    try:
        return Credentials.from_files(certificate, key, folder.path / ROOTS_FILE, now=now)
    except CredentialsError:
        # It ended meanwhile, or was never good.
        shutil.rmtree(folder.next)
        return None


def _ask(
    folder: CredentialsDirectory, target: str, now: datetime, *, timeout_seconds: float
) -> Credentials:
    held = Credentials.from_held(folder, now=now)
    folder.next.mkdir(mode=0o700, exist_ok=True)
    key_path = folder.next / KEY_FILE
    if not key_path.exists():
        write_whole(key_path, make_key())
    request = make_request(load_key(key_path), held.identity.rpartition("/")[2])
    connections = Connections.dial(target, held, count=1, policy=CALL_POLICY)
    try:
        answer = connections.call(
            lambda stubs: stubs.certificate.RenewCertificate,
            RenewCertificateRequest(request_der=request.public_bytes(Encoding.DER)),
            timeout_seconds=timeout_seconds,
        )
    finally:
        connections.close()
    write_whole(folder.next / CERTIFICATE_FILE, encode_chain(answer.chain_der))
    pair = _next_pair(folder, now)
    if pair is None or pair.identity != held.identity:
        raise AnswerMalformedError("the hub gave a certificate that does not fit its request")
    return pair
