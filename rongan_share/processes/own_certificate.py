"""The hub's own certificate: the keeper renews it by itself, from two thirds of its life on."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from rongan_share.gate.notes import note_maker
from rongan_share.ledger.committer import Committer, Placement, Proposal
from rongan_share.ledger.objects import find_object
from rongan_share.model.issuance import Cause, Issuance
from rongan_share.model.partner import HolderKind
from rongan_share.processes.key_pairs import KeyPair, encode_chain
from rongan_share.processes.listener import load_certificate
from rongan_share.processes.signing import SignerClient
from rongan_share.services.certificates import put_certificate
from rongan_share.services.intents import (
    certified_key,
    goes_on,
    intend,
    put_issuance,
    register,
)

if TYPE_CHECKING:
    from threading import Event

    from rongan_share.clock import Clock
    from rongan_share.config import Settings
    from rongan_share.ledger.environment import Ledger, Transaction
    from rongan_share.model.partner import Certificate

INTENDED = "hub/certificate_intended"
"""Entered before the hub's next certificate is signed."""

REGISTERED = "hub/certificate_registered"
"""Entered before it is put in place."""

_log = logging.getLogger(__name__)


class OwnCertificate:
    """Renews the hub's certificate.

    Args:
        settings: The hub's configuration.
        ledger: The ledger.
        clock: The hub's clock.
    """

    def __init__(self, settings: Settings, ledger: Ledger, clock: Clock) -> None:
        tls = settings.tls
        self._pair = KeyPair(tls.certificate_chain, tls.private_key)
        self._issuer = settings.signer.hub_intermediate
        self._ahead = timedelta(seconds=max(0, settings.clock.offset_seconds))
        self._signer = SignerClient(settings.signer.socket)
        self._ledger = ledger
        self._clock = clock

    def round(self, _: Event) -> bool:
        """Renews it if it is time; returns whether it did.

        Raises:
            RonganError: SIGNER_UNAVAILABLE, or the store failed; the next round goes on.
        """
        # Clients judge certificates by the machine's clock, however far ahead a rehearsal is.
        now = self._clock.now() - self._ahead
        leaf = load_certificate(self._pair.certificate)
        if now < due(leaf):
            return False
        with self._pair.changing():
            # Whoever held the files meanwhile may have done it.
            leaf = load_certificate(self._pair.certificate)
            if now >= due(leaf):
                self._renew(host_names(leaf), now)
                _log.info("the hub's certificate was renewed")
                return True
        return False

    def _renew(self, names: tuple[str, ...], now: datetime) -> None:
        request_der = self._pair.prepare()
        key = certified_key(HolderKind.HUB, "", host_names=names, request_der=request_der)
        issuer_der = load_certificate(self._issuer).public_bytes(Encoding.DER)
        with self._ledger.read() as txn:
            issuance = find_object(txn, Issuance, key.issuance_id)
        if issuance is None or not issuance.certificate_der:
            if issuance is None or not goes_on(issuance, now):
                issuance = intend(key, request_der, cause=Cause.HUB, now=now)
            issuance = self._issue(issuance, issuer_der)
        self._pair.put_in_place(encode_chain((issuance.certificate_der, issuer_der)))

    def _issue(self, intended: Issuance, issuer_der: bytes) -> Issuance:
        """Commits the intent, has it signed, commits what was signed."""
        committer = Committer(self._ledger, self._clock, lambda _: None)
        committer.start()
        try:
            _commit(committer, INTENDED, intended)
            signed = self._signer.sign(intended.issuance_id)
            issued, certificate = register(intended, signed, issuers=[issuer_der])
            _commit(committer, REGISTERED, issued, certificate=certificate)
        finally:
            committer.stop()
        return issued


def due(leaf: x509.Certificate) -> datetime:
    """From when on a certificate is to be renewed: two thirds of its life."""
    first, last = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    return first + (last - first) * 2 / 3


def host_names(leaf: x509.Certificate) -> tuple[str, ...]:
    """Reads what a hub's certificate names."""
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return tuple(
        str(name.value) for name in names if isinstance(name, x509.DNSName | x509.IPAddress)
    )


def _commit(
    committer: Committer,
    method: str,
    issuance: Issuance,
    *,
    certificate: Certificate | None = None,
) -> None:
    """Commits a version of an issuance with its entry, and the certificate if there is one."""
    write_issuance = put_issuance(issuance)

    def write(txn: Transaction, placement: Placement) -> None:
        write_issuance(txn, placement)
        if certificate is not None:
            put_certificate(txn, certificate, placement)

    proposal = Proposal(
        make_entry=note_maker(method, issuance.facts),
        writes=(write,),
        bumps_generation=certificate is not None,
    )
    committer.submit(proposal).result()
