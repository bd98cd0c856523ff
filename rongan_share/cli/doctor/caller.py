"""What the hub would say of a client's certificate, step by step as TLS and the walk look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from rongan_share.cli.doctor.files import is_authority, signed_by
from rongan_share.cli.doctor.findings import Finding, Level, failed, good
from rongan_share.cli.messages import say
from rongan_share.errors import RonganError
from rongan_share.gate.agreement import verify_scope
from rongan_share.gate.identity import claim_of, verify_caller
from rongan_share.ledger.environment import Ledger
from rongan_share.ledger.objects import load_registry
from rongan_share.model.partner import HolderKind
from rongan_share.processes.listener import load_certificates
from rongan_share.services.call import Scope
from rongan_share.wire.days import shanghai_day

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from rongan_share.config import Settings
    from rongan_share.model.caller import ClaimedCaller
    from rongan_share.model.registry import Registry

_CURVES = (ec.SECP256R1, ec.SECP384R1)


def explain_caller(settings: Settings, path: Path, at: datetime) -> Iterator[Finding]:
    """Says what would come of a call with a certificate at an instant, as partners stand now.

    Raises:
        StartRefusedError: A file cannot be read.
    """
    chain = load_certificates(path)
    leaf = chain[0]
    yield good(
        "certificate",
        "caller_names",
        serial=f"{leaf.serial_number:x}",
        names=", ".join(_names(leaf)) or "-",
        issuer=leaf.issuer.rfc4514_string(),
    )
    refused = False
    for finding in _handshake(settings, chain, at):
        refused |= finding.level is Level.FAILED
        yield finding
    if not refused:
        yield from _walk(settings, leaf, at)


def _handshake(
    settings: Settings, chain: list[x509.Certificate], at: datetime
) -> Iterator[Finding]:
    """Goes through what TLS looks at; what it refuses, no entry tells of."""
    leaf, trusted = chain[0], load_certificates(settings.tls.client_roots)
    if _hangs_below(leaf, chain[1:], trusted):
        yield good("trusted", "caller_trusted")
    elif any(leaf.issuer == root.subject for root in trusted):
        yield failed("trusted", "caller_same_name", issuer=leaf.issuer.rfc4514_string())
    else:
        yield failed("trusted", "caller_other_authority", issuer=leaf.issuer.rfc4514_string())
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    values = {"at": at.isoformat(), "begins": begins.isoformat(), "ends": ends.isoformat()}
    if at > ends:
        yield failed("dates", "caller_expired", **values)
    elif at < begins:
        yield failed("dates", "caller_not_begun", **values)
    else:
        yield good("dates", "caller_dates_ok", **values)
    if not _may_be_client(leaf):
        yield failed("usage", "caller_no_client")
    if not isinstance(leaf.public_key(), rsa.RSAPublicKey) and not _is_known_curve(leaf):
        yield failed("key", "caller_key")


def _walk(settings: Settings, leaf: x509.Certificate, at: datetime) -> Iterator[Finding]:
    try:
        claim = claim_of(leaf, settings.trust_domain)
    except RonganError as error:
        yield _refused("form", error)
        return
    yield good("form", "caller_claims", kind=claim.kind.name.lower(), holder=claim.caller_id)
    with Ledger(settings.data_directory, writable=False) as ledger, ledger.read() as txn:
        registry = load_registry(txn)
    try:
        caller = verify_caller(claim, registry, None, now=at)
        yield good("registered", "caller_registered", state=_state(claim, registry))
        if caller.kind is HolderKind.PARTNER:
            verify_scope(caller, registry, Scope(), day=shanghai_day(at))
            yield good("standing", "caller_standing_ok")
    except RonganError as error:
        yield _refused("caller", error, _others(claim, registry))
        return
    yield good("result", "caller_let_in")


def _refused(check: str, error: RonganError, note: str = "") -> Finding:
    """Makes the finding of a refusal, as the caller would read it."""
    row = error.reason.refusal
    told = ", ".join(f"{key}={text}" for key, text in error.metadata.items())
    status = f"{row.status} {error.reason.name}" + (f" ({told})" if told else "")
    key = f"doctor.refused.{error.reason.name}"
    return Finding(check, Level.FAILED, f"{status}: {say(key)}{note}", say(f"{key}.remedy"))


def _state(claim: ClaimedCaller, registry: Registry) -> str:
    return registry.certificates[claim.fingerprint].state.name


def _others(claim: ClaimedCaller, registry: Registry) -> str:
    """Says why it was revoked, or what else is registered for whom it names."""
    known = registry.certificates.get(claim.fingerprint)
    if known is not None:
        return f" ({known.state.name}{f': {known.reason}' if known.reason else ''})"
    mine = [
        f"{each.serial_hex} {each.state.name}"
        for each in registry.certificates.values()
        if (each.holder_kind, each.holder_id) == (claim.kind, claim.caller_id)
    ]
    return say("doctor.registered_instead", serials=", ".join(mine)) if mine else ""


def _names(leaf: x509.Certificate) -> list[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [str(each.value) for each in names]


def _hangs_below(
    leaf: x509.Certificate, shown: list[x509.Certificate], trusted: list[x509.Certificate]
) -> bool:
    """Tells whether a way leads up from a certificate, over what its holder shows."""
    below, left = leaf, list(shown)
    while not any(signed_by(below, root) for root in trusted):
        above = next((e for e in left if is_authority(e) and signed_by(below, e)), None)
        if above is None:
            return False
        left.remove(above)
        below = above
    return True


def _is_known_curve(leaf: x509.Certificate) -> bool:
    key = leaf.public_key()
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES)


def _may_be_client(leaf: x509.Certificate) -> bool:
    """TLS lets absent usages through; the walk does not."""
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return True
    return ExtendedKeyUsageOID.CLIENT_AUTH in usages
