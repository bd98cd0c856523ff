"""What operators do in a rehearsal: its partner comes, gets certificates, and leaves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from partner_sdk.cli.failures import RefusedHereError
from rongan_share.ca import Hierarchy
from rongan_share.cli.agreement_words import (
    AgreementWords,
    ContributionWords,
    QuotaWords,
    message_of_words,
)
from rongan_share.cli.certificate_lists import fetch_certificates
from rongan_share.cli.drill_hub import run_command
from rongan_share.cli.issuing import Issuing
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options
from rongan_share.cli.partner_work import list_partners
from rongan_share.clock import SystemClock
from rongan_share.model.registry import HUB_PARTNER_ID
from rongan_share.v1 import operator_service_pb2 as pb
from rongan_share.wire.days import SHANGHAI
from rongan_share.wire.enrolment_string import EnrolmentString
from rongan_share.wire.taxonomy import packaged_taxonomy

if TYPE_CHECKING:
    from pathlib import Path

    from rongan_share.cli.connection import Connection

PARTNER = "drill"
"""The partner that a rehearsal makes, and suspends at its end."""

_NAME = "rongan-hub cert drill"
"""By its name it is told from a real partner of the same id."""

_REASON = "the rehearsal has ended"
_UNLIMITED = QuotaWords(
    rate_per_second=100_000_000, burst=100_000_000, day=1_000_000_000, month=1_000_000_000
)
_LEAST = QuotaWords(rate_per_second=1, burst=1, day=1, month=1)


@dataclass(frozen=True, slots=True)
class Desk:
    """Acts in an operator's name, every act over a connection of its own.

    Attributes:
        options: The home, the operator and the hub.
        checker: The operator who approves the agreement, or empty.
    """

    options: Options
    checker: str

    def connect(self, operator: str = "") -> Connection:
        """Connects as the operator, or as another one."""
        there = self.options
        return Options(there.home, operator or there.operator, there.hub).connect()

    def act(self, *words: str) -> dict[str, Any]:
        """Runs a command that changes files of the home."""
        there = self.options
        named = ("--home", str(there.home), "--as", there.operator, "--hub", there.hub)
        return run_command("rongan_share.cli.main", *named, *words)

    def admit(self) -> None:
        """Lets the drill's partner in, anew or again.

        Raises:
            RefusedHereError: A partner of this id is not the drill's, or another drill goes on.
        """
        with self.connect() as hub:
            found = next((each for each in list_partners(hub) if each.partner_id == PARTNER), None)
            if found is None:
                made = pb.CreatePartnerRequest(partner_id=PARTNER, display_name=_NAME)
                hub.call(lambda stub: stub.CreatePartner, made)
                return
            if found.display_name != _NAME:
                raise RefusedHereError(say("drill.not_its_partner", partner=PARTNER))
            if found.state != pb.PARTNER_STATE_SUSPENDED:
                raise RefusedHereError(say("drill.goes_on", partner=PARTNER))
            again = pb.ResumePartnerRequest(partner_id=PARTNER, reason=_NAME)
            hub.call(lambda stub: stub.ResumePartner, again)

    def agree(self) -> bool:
        """Puts an agreement of one day in force; returns whether there is a second operator."""
        if not self.checker:
            return False
        offset = self.options.load_settings().clock.offset_seconds
        today = SystemClock(offset).now().astimezone(SHANGHAI).date()
        words = AgreementWords(
            partner=PARTNER,
            start_date=today,
            # A rehearsal may run past midnight.
            end_date=today + timedelta(days=1),
            purposes=("ANTI_FRAUD",),
            channels=("BATCH", "MOBILE"),
            product_lines=("SCREEN", "BATCH"),
            categories=("A2",),
            source_classes=("PEER_DOMESTIC",),
            detail_level="CATEGORY",
            identifier_types="ALL",
            suites=("HMAC_SHA256", "HMAC_SM3"),
            contribution=ContributionWords(categories=(), source_classes=()),
            query_quota=_UNLIMITED,
            contribution_quota=_LEAST,
        )
        message = message_of_words(words, packaged_taxonomy())
        with self.connect() as hub:
            asked = pb.ProposeAgreementRequest(agreement=message)
            version = hub.call(lambda stub: stub.ProposeAgreement, asked).agreement.version
        with self.connect(self.checker) as hub:
            approved = pb.ApproveAgreementRequest(partner_id=PARTNER, version=version)
            hub.call(lambda stub: stub.ApproveAgreement, approved)
        return True

    def enrolment_text(self) -> str:
        """Makes an enrolment string."""
        with self.connect() as hub:
            request = pb.CreateEnrolmentRequest(partner_id=PARTNER)
            answer = hub.call(lambda stub: stub.CreateEnrolment, request)
        return EnrolmentString(PARTNER, answer.secret, answer.root_digest).format()

    def issue(self, request: Path) -> bytes:
        """Has a certificate issued for a request, where the hub enrols nobody; PEM chain."""
        issuing = Issuing(Hierarchy(self.options.home), self.options.load_settings())
        with self.connect() as hub:
            return issuing.issue(hub, request.read_bytes(), PARTNER)[1]

    def states(self) -> dict[str, str]:
        """Lists the drill's certificates: state by serial."""
        with self.connect() as hub:
            found = list(fetch_certificates(hub, pb.ListCertificatesRequest(holder_id=PARTNER)))
        named = pb.CertificateState.Name
        return {
            each.serial_hex: named(each.state).removeprefix("CERTIFICATE_STATE_") for each in found
        }

    def revoke(self, serial_hex: str) -> None:
        """Shuts a certificate out."""
        with self.connect() as hub:
            request = pb.RevokeCertificateRequest(serial_hex=serial_hex, reason=_REASON)
            hub.call(lambda stub: stub.RevokeCertificate, request)

    def other_partners(self) -> list[str]:
        """Lists partners who may call, without the drill's and the hub itself."""
        with self.connect() as hub:
            found = list(list_partners(hub))
        return [
            each.partner_id
            for each in found
            if each.state == pb.PARTNER_STATE_ACTIVE
            and each.partner_id not in (PARTNER, HUB_PARTNER_ID)
        ]

    def dismiss(self) -> int:
        """Revokes every certificate of the drill's partner and suspends it; counts those."""
        live = [serial for serial, state in self.states().items() if state != "REVOKED"]
        for serial in live:
            self.revoke(serial)
        with self.connect() as hub:
            request = pb.SuspendPartnerRequest(partner_id=PARTNER, reason=_REASON)
            hub.call(lambda stub: stub.SuspendPartner, request)
        return len(live)
