"""What the rows of an import are judged by, as it stands when it begins or begins anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rongan_share.errors import Reason, RonganError
from rongan_share.gate.agreement import verify_scope
from rongan_share.ledger.imports import Ruling
from rongan_share.model.caller import Caller
from rongan_share.model.hub_key import RekeyPhase
from rongan_share.model.partner import HolderKind
from rongan_share.services.call import Scope
from rongan_share.wire.days import shanghai_day
from rongan_share.wire.vocabulary import ProductLine

if TYPE_CHECKING:
    from rongan_share.cli.importing.blocks import Source
    from rongan_share.cli.importing.store import ImportStore


def ruling_of(
    store: ImportStore, source: Source, *, partner_id: str, consent_named: bool
) -> Ruling:
    """Finds out what rows of a file are to be judged by.

    Raises:
        RonganError: The partner may not contribute, the file is of another epoch, an epoch is
            opening, or look-ups under another hub key are being made.
    """
    registry = store.registry
    partner = registry.partners.get(partner_id)
    if partner is None:
        raise RonganError(Reason.RESOURCE_NOT_FOUND, resource="partner")
    if registry.opening is not None:
        # Rows of an import carry no tokens of it.
        raise RonganError(Reason.WRONG_STATE, state=registry.opening.state.name)
    if registry.hub_key.phase is RekeyPhase.BUILDING:
        # The hub would not commit it now, and later it would have to be staged anew.
        raise RonganError(Reason.WRONG_STATE, state=registry.hub_key.phase.name)
    epoch = registry.epoch
    if source.epoch not in (None, epoch.number):
        raise RonganError(
            Reason.EPOCH_NOT_OPEN, currentEpoch=epoch.number, currentSuite=epoch.suite.name
        )
    verify_scope(
        Caller(HolderKind.PARTNER, partner_id, ""),
        registry,
        Scope(product_line=ProductLine.CONTRIBUTE, suite=epoch.suite),
        day=shanghai_day(store.clock.now()),
    )
    return Ruling(
        partner_id=partner_id,
        partner_number=partner.number,
        agreement_version=registry.agreements[partner_id].version,
        taxonomy_version=store.taxonomy.version,
        epoch=epoch.number,
        suite=epoch.suite,
        key_id=registry.hub_key.key_id,
        consent_named=consent_named,
    )
