"""The registry: partners, agreements, certificates, operators, epoch, at one generation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from rongan_share.model.epoch import Epoch, EpochState
from rongan_share.model.hub_key import HubKey, RekeyPhase, Target
from rongan_share.model.partner import HolderKind, PartnerState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rongan_share.model.agreement import Agreement
    from rongan_share.model.partner import Certificate, Operator, Partner

HUB_PARTNER_ID = "hub"
"""The hub's own partner, the only one that may contribute to the allowlist."""


@dataclass(frozen=True)
class Registry:
    """What decisions are made on; replaced whole when the generation moves.

    Attributes:
        generation: The generation that it was read at.
        partners: Newest version by id.
        agreements: Version in force by partner id, whether or not its dates hold today.
        newest_versions: Newest agreement version by partner id, proposed ones too.
        certificates: By fingerprint.
        operators: By id.
        epoch: The current epoch.
        epochs: Every epoch by number.
        hub_key: Which hub key tokens at rest stand under.
    """

    generation: int
    partners: Mapping[str, Partner]
    agreements: Mapping[str, Agreement]
    newest_versions: Mapping[str, int]
    certificates: Mapping[bytes, Certificate]
    operators: Mapping[str, Operator]
    epoch: Epoch
    epochs: Mapping[int, Epoch]
    hub_key: HubKey

    @cached_property
    def opening(self) -> Epoch | None:
        """The epoch that is opening."""
        states = self.epochs.values()
        return next((epoch for epoch in states if epoch.state is EpochState.OPENING), None)

    @cached_property
    def target(self) -> Target:
        """The set of look-ups that answers come from."""
        return Target(self.epoch.number, self.hub_key.key_id)

    @property
    def target_sequence(self) -> int:
        """What a snapshot of that set must know: less of it, and what was listed is not there."""
        return max(self.epoch.current_sequence, self.hub_key.since_sequence)

    @cached_property
    def coming_target(self) -> Target | None:
        """The set that answers will come from after a change that goes on; None without one."""
        if self.opening is not None:
            return Target(self.opening.number, self.hub_key.key_id)
        if self.hub_key.phase is RekeyPhase.BUILDING:
            return Target(self.epoch.number, self.hub_key.next_key_id)
        return None

    @cached_property
    def suspended_numbers(self) -> frozenset[int]:
        """Numbers of partners whose listings are marked SOURCE_SUSPENDED."""
        return frozenset(
            partner.number
            for partner in self.partners.values()
            if partner.state is not PartnerState.ACTIVE
        )

    @cached_property
    def followed(self) -> frozenset[bytes]:
        """Fingerprints of certificates that another one follows which opens the door."""
        known = self.certificates.values()
        return frozenset(each.follows for each in known if each.follows and each.state.opens)

    @cached_property
    def certificate_serials(self) -> Mapping[tuple[str, bool], tuple[str, ...]]:
        """Serial numbers of partners' certificates, in order, by partner and whether they open."""
        found: dict[tuple[str, bool], list[str]] = {}
        for certificate in self.certificates.values():
            if certificate.holder_kind is HolderKind.PARTNER:
                key = certificate.holder_id, certificate.state.opens
                found.setdefault(key, []).append(certificate.serial_hex)
        return {key: tuple(sorted(serials)) for key, serials in found.items()}
