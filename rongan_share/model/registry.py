"""The registry: partners, agreements, certificates, operators, epoch, at one generation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from rongan_share.model.partner import CertificateState, HolderKind, PartnerState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rongan_share.model.agreement import Agreement
    from rongan_share.model.epoch import Epoch
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
    """

    generation: int
    partners: Mapping[str, Partner]
    agreements: Mapping[str, Agreement]
    newest_versions: Mapping[str, int]
    certificates: Mapping[bytes, Certificate]
    operators: Mapping[str, Operator]
    epoch: Epoch

    @cached_property
    def suspended_numbers(self) -> frozenset[int]:
        """Numbers of partners whose listings are marked SOURCE_SUSPENDED."""
        return frozenset(
            partner.number
            for partner in self.partners.values()
            if partner.state is not PartnerState.ACTIVE
        )

    @cached_property
    def certificate_serials(self) -> Mapping[tuple[str, CertificateState], tuple[str, ...]]:
        """Serial numbers of partners' certificates, in order, by partner and state."""
        found: dict[tuple[str, CertificateState], list[str]] = {}
        for certificate in self.certificates.values():
            if certificate.holder_kind is HolderKind.PARTNER:
                key = certificate.holder_id, certificate.state
                found.setdefault(key, []).append(certificate.serial_hex)
        return {key: tuple(sorted(serials)) for key, serials in found.items()}
