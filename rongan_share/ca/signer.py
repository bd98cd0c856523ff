"""The signer: reads an intent in the ledger, judges it anew, and only then signs.

Whoever asks names an issuance and nothing else, so that what is signed has its entry in the audit
log, whoever asks. Nothing that a worker checked is taken for granted.
"""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from rongan_share.audit.entry import parse_entry
from rongan_share.ca.hierarchy import IssuerFiles
from rongan_share.ca.issue import issue_leaf
from rongan_share.ca.kept_issuer import KeptIssuer
from rongan_share.ca.revocation import Revoked, make_revocation_list
from rongan_share.clock import instant_of, nanoseconds
from rongan_share.ledger.counters import get_generation
from rongan_share.ledger.entries import find_entry
from rongan_share.ledger.objects import (
    find_object,
    find_time_ns,
    load_registry,
    update_registry,
)
from rongan_share.model.enrolment import Enrolment
from rongan_share.model.holders import Holder
from rongan_share.model.issuance import (
    CLOCKS_APART,
    INTENT_LIFE,
    PROFILES,
    Cause,
    Issuance,
    IssuanceState,
)
from rongan_share.model.partner import Certificate, CertificateState, HolderKind, PartnerState
from rongan_share.model.profiles import BACKDATE, load_profile
from rongan_share.model.refusals import IssueRefusedError
from rongan_share.model.requests import CheckedRequest, check_request_der

if TYPE_CHECKING:
    from datetime import datetime

    from rongan_share.ca.issue import Issuer
    from rongan_share.clock import Clock
    from rongan_share.config import Settings
    from rongan_share.ledger.environment import Ledger, Transaction
    from rongan_share.model.profiles import Profile
    from rongan_share.model.registry import Registry


class SigningRefusedError(Exception):
    """What was asked for is not signed; the text says why, and names no key."""


class Signer:
    """Holds the issuing keys; its repr shows none.

    Args:
        settings: The hub's configuration.
        ledger: Its ledger, which the signer only reads.
        clock: Tells the time.

    Raises:
        IssueRefusedError: An authority's files are unfit.
        OSError: They cannot be read.
    """

    def __init__(self, settings: Settings, ledger: Ledger, clock: Clock) -> None:
        tls, signer = settings.tls, settings.signer
        self._clients = KeptIssuer(
            IssuerFiles(tls.client_intermediate, tls.client_intermediate_key)
        )
        self._hubs = KeptIssuer(IssuerFiles(signer.hub_intermediate, signer.hub_intermediate_key))
        self._trust_domain = settings.trust_domain
        self._ledger = ledger
        self._clock = clock
        self._registry: Registry | None = None
        self._lock = threading.Lock()

    def sign(self, issuance_id: str) -> bytes:
        """Signs what an issuance says; returns the certificate, DER. Twice gives the same bytes.

        Raises:
            SigningRefusedError: There is no such intent, or it is not as it must be.
            RonganError: The ledger cannot be read.
        """
        with self._ledger.read() as txn:
            issuance = find_object(txn, Issuance, issuance_id)
            registry = self._current(txn)
            if issuance is None or issuance.issuance_id != issuance_id:
                raise SigningRefusedError("no such intent")
            _verify_entered(txn, issuance)
            _verify_cause(txn, issuance, registry)
        self._verify_standing(issuance, registry)
        try:
            return self._sign(issuance)
        except IssueRefusedError as error:
            raise SigningRefusedError(str(error)) from None

    def revocation_list(self) -> bytes:
        """Makes the list of what was revoked below the client authority, DER.

        Raises:
            RonganError: The ledger cannot be read.
        """
        now = self._clock.now()
        with self._ledger.read() as txn:
            registry = self._current(txn)
            revoked = [
                Revoked(int(each.serial_hex, 16), instant_of(_since_ns(txn, each)))
                for each in registry.certificates.values()
                if each.state is CertificateState.REVOKED
                and each.holder_kind is not HolderKind.HUB
                and each.not_after_ns >= nanoseconds(now)
            ]
        return make_revocation_list(self._clients.current(), revoked, now=now)

    def _current(self, txn: Transaction) -> Registry:
        with self._lock:
            if self._registry is None:
                self._registry = load_registry(txn)
            elif self._registry.generation < get_generation(txn):
                self._registry = update_registry(txn, self._registry)
            return self._registry

    def _verify_standing(self, issuance: Issuance, registry: Registry) -> None:
        """Refuses what may not be signed any more, or for whom it may not."""
        if issuance.state is IssuanceState.VOID:
            raise SigningRefusedError("the intent is void")
        _verify_holder(issuance, registry)
        signed = hashlib.sha256(issuance.certificate_der).digest()
        for known in registry.certificates.values():
            if known.serial_hex == issuance.serial_hex and known.fingerprint != signed:
                raise SigningRefusedError("the serial number is another certificate's")
        age = self._clock.now() - _intended(issuance)
        if not -CLOCKS_APART <= age < INTENT_LIFE:
            raise SigningRefusedError("the intent is too old, or of a time to come")

    def _sign(self, issuance: Issuance) -> bytes:
        key, profile = issuance.key, load_profile(PROFILES[issuance.key.holder_kind])
        first, last = profile.validity(_intended(issuance))
        if (issuance.not_before_ns, issuance.not_after_ns) != (
            nanoseconds(first),
            nanoseconds(last),
        ):
            raise SigningRefusedError("the dates are not the profile's")
        checked = _checked_request(issuance, profile)
        leaf = issue_leaf(
            self._issuer(key.holder_kind),
            checked.public_key,
            holder=Holder(self._trust_domain, key.holder_id, hosts=key.host_names),
            profile=profile,
            now=_intended(issuance),
            random_bits=lambda _: int(issuance.serial_hex, 16),
        )
        return leaf.public_bytes(Encoding.DER)

    def _issuer(self, kind: HolderKind) -> Issuer:
        return (self._hubs if kind is HolderKind.HUB else self._clients).current()


def _verify_holder(issuance: Issuance, registry: Registry) -> None:
    key = issuance.key
    if key.holder_kind is HolderKind.PARTNER:
        partner = registry.partners.get(key.holder_id)
        if partner is None or partner.state is PartnerState.TERMINATED:
            raise SigningRefusedError("no such partner, or it has left")
    elif key.holder_kind is HolderKind.OPERATOR:
        operator = registry.operators.get(key.holder_id)
        if operator is None or not operator.enabled:
            raise SigningRefusedError("no such operator")


def _verify_entered(txn: Transaction, issuance: Issuance) -> None:
    """Refuses what the audit log does not say: what wrote it past the log gets nothing signed."""
    raw = find_entry(txn, issuance.entry_index)
    told = {} if raw is None else parse_entry(raw).facts
    if any(told.get(name) != fact for name, fact in issuance.facts.items()):
        raise SigningRefusedError("the audit log does not have the intent")


def _verify_cause(txn: Transaction, issuance: Issuance, registry: Registry) -> None:
    """Refuses an intent whose cause is not there."""
    key = issuance.key
    if issuance.cause is Cause.ENROLMENT:
        enrolment = find_object(txn, Enrolment, key.holder_id)
        if enrolment is None or enrolment.spki_digest != key.spki_digest:
            raise SigningRefusedError("no enrolment was used with this key")
    elif issuance.cause is Cause.RENEWAL and not any(
        each.state.opens
        for each in registry.certificates.values()
        if (each.holder_kind, each.holder_id) == (key.holder_kind, key.holder_id)
    ):
        raise SigningRefusedError("the holder has no certificate to be followed")


def _checked_request(issuance: Issuance, profile: Profile) -> CheckedRequest:
    checked = check_request_der(issuance.request_der, profile=profile)
    spki = checked.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if hashlib.sha256(spki).digest() != issuance.key.spki_digest:
        raise SigningRefusedError("the key is not that of the request")
    return checked


def _intended(issuance: Issuance) -> datetime:
    return instant_of(issuance.not_before_ns) + BACKDATE


def _since_ns(txn: Transaction, certificate: Certificate) -> int:
    return find_time_ns(txn, Certificate, certificate.fingerprint.hex())
