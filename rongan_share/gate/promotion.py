"""The first use of a certificate that follows another: it is promoted, the other begins to retire.

Part of the very item that is answered, so that it comes true with it or not at all. The item bumps
the generation it was decided on, so of two first uses at once the later one is decided again, and
finds it done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from rongan_share.ledger.committer import Placement, time_ns
from rongan_share.model.partner import Certificate, CertificateState
from rongan_share.services.certificates import put_certificate

if TYPE_CHECKING:
    from rongan_share.ledger.environment import Transaction
    from rongan_share.services.call import Call, Outcome

OVERLAP_NS = 14 * 86_400 * 1_000_000_000
"""How long a certificate opens the door after the one that follows it was used first."""


def promoting(call: Call, outcome: Outcome) -> Outcome:
    """Adds the promotion of the caller's certificate to what an item does, where one is due."""
    certificate = call.registry.certificates.get(call.caller.fingerprint)
    if certificate is None or certificate.state is not CertificateState.NEXT:
        return outcome
    before = call.registry.certificates.get(certificate.follows)
    facts = {"promoted": certificate.serial_hex}
    if before is not None:
        facts["retiring"] = before.serial_hex
    return msgspec.structs.replace(
        outcome,
        facts={**outcome.facts, **facts},
        bumps_generation=True,
        # Ahead of the item's own: what an operator revokes with it stays revoked.
        writes=(_write(certificate, before), *outcome.writes),
    )


def _write(
    certificate: Certificate, before: Certificate | None
) -> Callable[[Transaction, Placement], None]:
    promoted = msgspec.structs.replace(
        certificate, state=CertificateState.ACTIVE, version=certificate.version + 1
    )

    def write(txn: Transaction, placement: Placement) -> None:
        put_certificate(txn, promoted, placement)
        # One that retires already has been followed before, and gets no second time.
        if before is not None and before.state in (CertificateState.ACTIVE, CertificateState.NEXT):
            retire_ns = min(time_ns(placement) + OVERLAP_NS, before.not_after_ns)
            retiring = msgspec.structs.replace(
                before,
                state=CertificateState.RETIRING,
                version=before.version + 1,
                retire_ns=retire_ns,
            )
            put_certificate(txn, retiring, placement)

    return write
