"""A partner's first step: a key that never leaves its machine, and a certificate for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from partner_sdk.calls import Connections
from partner_sdk.clock import utc_now
from partner_sdk.credentials import Credentials, CredentialsCause, CredentialsError, load_key
from partner_sdk.directory import (
    CERTIFICATE_FILE,
    KEY_FILE,
    ROOTS_FILE,
    CredentialsDirectory,
    write_new,
    write_whole,
)
from partner_sdk.errors import AnswerMalformedError, Refusal, UnavailableError
from partner_sdk.handshake import (
    Address,
    HubNotRecognisedError,
    NoRootShownError,
    shown_chain,
    verify_hub,
)
from partner_sdk.retry import STREAM_POLICY
from partner_sdk.trust import bundle_files, encode_chain
from rongan_share.v1.certificate_service_pb2 import (
    EnrollCertificateRequest,
    EnrollCertificateResponse,
)
from rongan_share.wire.enrolment_string import EnrolmentString
from rongan_share.wire.trust_bundle import TrustBundleError, digest_of, verify_pinned

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

REQUEST_FILE = "request.pem"
"""The certificate request (PKCS #10) for the hub's operator."""

TIMEOUT_SECONDS = 30.0
"""Time for the call that enrols: the hub asks its signer meanwhile, and may be busy."""

_DATES = CredentialsCause.NOT_YET_VALID, CredentialsCause.EXPIRED


def make_key() -> bytes:
    """Makes a P-256 key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def make_request(key: object, name: str) -> x509.CertificateSigningRequest:
    """Makes a certificate request.

    Args:
        key: A private key that can sign one.
        name: Stands in it as a hint for people.

    Source: RFC 2986.
    """
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .sign(cast("CertificateIssuerPrivateKeyTypes", key), hashes.SHA256())
    )


def make_key_and_request(directory: Path | str, name: str) -> tuple[Path, Path]:
    """Makes a P-256 key and a certificate request in a directory.

    An existing key is never replaced: the certificate issued for it would be lost with it.

    Args:
        directory: Where to write; made with mode 0700 if it does not exist.
        name: The partner id, 1 to 64 characters. It stands in the request as a hint for people:
            the name in the certificate is chosen by the hub's operators.

    Returns:
        The paths of the key (mode 0600) and of the request.

    Raises:
        FileExistsError: There is a key or a request already.
        OSError: The directory cannot be written.
    """
    folder = Path(directory)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_path, request_path = folder / KEY_FILE, folder / REQUEST_FILE
    write_new(key_path, make_key())
    request = make_request(load_key(key_path), name)
    write_new(request_path, request.public_bytes(Encoding.PEM))
    return key_path, request_path


def enroll(
    directory: Path | str,
    target: str,
    text: str,
    *,
    now: datetime | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Credentials:
    """Turns an enrolment string into credentials.

    Run again after a break, it goes on with the key that was made; the hub answers the same key
    with the same certificate. A key that is there already, such as of `make_key_and_request`, is
    used.

    Args:
        directory: Where to write; made with mode 0700 if it does not exist.
        target: ``host:port`` where the hub enrols.
        text: The enrolment string.
        now: Instant to judge dates by, aware; None = the machine's clock.
        timeout_seconds: Time for the call that sends the secret.

    Raises:
        MalformedError: The text is no enrolment string.
        FileExistsError: There is a certificate already.
        HubNotRecognisedError: Whoever answers is not the hub that the string names. Nothing was
            sent to it.
        NoRootShownError: One of these: it shows no root, as at the hub's port for calls.
        HubRefusalError: ENROLMENT_REFUSED and others, or the hub could not be reached.
        AnswerMalformedError: What the hub gave is no certificate for the key.
        CredentialsError: The key is unfit, or the certificate not valid by this machine's clock.
        DirectoryBusyError: Another process enrols into this directory.
        OSError: The directory cannot be written.
    """
    string = EnrolmentString.parse(text)
    folder = CredentialsDirectory(directory)
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with folder.locked(wait=False):
        certificate, key_path = folder.path / CERTIFICATE_FILE, folder.path / KEY_FILE
        if certificate.exists():
            raise FileExistsError(f"{certificate} exists")
        if not key_path.exists():
            write_whole(key_path, make_key())
        request = make_request(load_key(key_path), string.partner_id)
        answer = _ask(target, string, request, timeout_seconds=timeout_seconds)
        files = _checked_files(answer, string, key_path, now=now or utc_now())
        folder.replace(files)
        return Credentials.from_held(folder, now=now)


def _ask(
    target: str,
    string: EnrolmentString,
    request: x509.CertificateSigningRequest,
    *,
    timeout_seconds: float,
) -> EnrollCertificateResponse:
    root_pem = _find_root(Address.parse(target), string.root_digest)
    channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(root_pem))
    # Whoever enrols waits for nothing else: a hub that many enrol at asks for patience.
    connections = Connections([channel], policy=STREAM_POLICY)
    try:
        return connections.call(
            lambda stubs: stubs.certificate.EnrollCertificate,
            EnrollCertificateRequest(
                partner_id=string.partner_id,
                secret=string.secret,
                request_der=request.public_bytes(Encoding.DER),
            ),
            timeout_seconds=timeout_seconds,
        )
    finally:
        connections.close()


def _find_root(address: Address, digest: bytes) -> bytes:
    """Finds the root that a string names among what a server shows, and recognises it by that.

    Raises:
        HubNotRecognisedError: It shows no such root, or its certificate is not of that root.
        NoRootShownError: It shows no root at all.
        UnavailableError: Nobody answers there.
    """
    try:
        chain = shown_chain(address)
        root_der = next((der for der in chain if digest_of(der) == digest), None)
        if root_der is None and not any(map(_is_root, chain)):
            raise NoRootShownError(
                "no root is shown there; this may be the port for calls, and enrolment has a port "
                "of its own"
            )
        if root_der is None:
            raise HubNotRecognisedError(
                "the server shows another root than the enrolment string names"
            )
        root_pem = x509.load_der_x509_certificate(root_der).public_bytes(Encoding.PEM)
        verify_hub(address, root_pem)
    except OSError as error:
        refusal = Refusal(grpc.StatusCode.UNAVAILABLE, text=f"no handshake came about: {error}")
        raise UnavailableError(refusal) from None
    return root_pem


def _is_root(der: bytes) -> bool:
    """Tells whether a certificate names itself as its authority."""
    try:
        found = x509.load_der_x509_certificate(der)
        names = found.issuer, found.subject
    except ValueError:
        return False
    return names[0] == names[1]


def _checked_files(
    answer: EnrollCertificateResponse, string: EnrolmentString, key_path: Path, *, now: datetime
) -> Mapping[str, bytes]:
    """Checks what the hub gave before any of it is kept."""
    chain_pem = encode_chain(answer.chain_der)
    try:
        verify_pinned(answer.trust_bundle, string.root_digest)
    except TrustBundleError as error:
        raise AnswerMalformedError(f"the hub gave a trust bundle that is none: {error}") from None
    files = bundle_files(answer.trust_bundle)
    try:
        made = Credentials.from_pem(chain_pem, key_path.read_bytes(), files[ROOTS_FILE], now=now)
    except CredentialsError as error:
        if error.cause in _DATES:
            raise
        raise AnswerMalformedError(f"the hub gave an unfit certificate: {error}") from None
    if made.identity.rpartition("/")[2] != string.partner_id:
        raise AnswerMalformedError("the hub gave a certificate of somebody else")
    return {CERTIFICATE_FILE: chain_pem, **files}
