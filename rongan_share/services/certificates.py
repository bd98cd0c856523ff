"""Certificates that the hub knows: how they are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rongan_share.ledger.committer import Placement, time_ns
from rongan_share.ledger.objects import put_object

if TYPE_CHECKING:
    from rongan_share.ledger.environment import Transaction
    from rongan_share.model.partner import Certificate


def put_certificate(txn: Transaction, certificate: Certificate, placement: Placement) -> None:
    """Writes a version of a certificate."""
    put_object(
        txn,
        certificate,
        object_id=certificate.fingerprint.hex(),
        time_ns=time_ns(placement),
        sequence=placement.sequence,
    )


def certificate_write(certificate: Certificate) -> Callable[[Transaction, Placement], None]:
    """Returns the effect that writes a version of a certificate."""
    return lambda txn, placement: put_certificate(txn, certificate, placement)
