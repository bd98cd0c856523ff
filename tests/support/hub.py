"""A real hub in this process: loopback, free port, mutual TLS, temporary home, fake clock.

Operators act through their own RPCs; partners get certificates from the hub's own authority. Stubs
are gRPC's own, so that tests see statuses as any client would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from cryptography.hazmat.primitives.serialization import Encoding
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from rongan_share.audit.entry import Entry, parse_entry
from rongan_share.ca import Hierarchy
from rongan_share.ca.serving import SignerServer
from rongan_share.cli.founding import Plan, found_hub
from rongan_share.clock import Clock
from rongan_share.config import Settings, load_settings
from rongan_share.gate.routes import Route
from rongan_share.ledger.entries import list_entries
from rongan_share.model.agreement import ALL_TYPES
from rongan_share.processes.hub import Hub
from rongan_share.v1 import (
    agreement_pb2,
    agreement_service_pb2_grpc,
    certificate_service_pb2_grpc,
    contribution_service_pb2_grpc,
    operator_service_pb2_grpc,
    verdict_service_pb2_grpc,
)
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.wire.days import shanghai_day
from rongan_share.wire.taxonomy import packaged_taxonomy
from rongan_share.wire.vocabulary import (
    Channel,
    DetailLevel,
    ProductLine,
    Purpose,
    SourceClass,
    Suite,
)
from tests.support.clock import FakeClock, last_noon
from tests.support.pki import TRUST_DOMAIN, Minted, TestPki

ALL_CLASSES = sum(1 << int(kind) for kind in SourceClass)
AMPLE = {"rate_per_second": 10**9, "burst_count": 10**9, "day_count": 10**9, "month_count": 10**9}


def bits(*codes: str) -> int:
    """Returns the category bits of codes."""
    return packaged_taxonomy().bits_of(codes)


@dataclass(slots=True)
class Stubs:
    """All stubs over one channel."""

    channel: grpc.Channel
    verdicts: verdict_service_pb2_grpc.VerdictServiceStub = field(init=False)
    contributions: contribution_service_pb2_grpc.ContributionServiceStub = field(init=False)
    agreements: agreement_service_pb2_grpc.AgreementServiceStub = field(init=False)
    operators: operator_service_pb2_grpc.OperatorServiceStub = field(init=False)
    certificates: certificate_service_pb2_grpc.CertificateServiceStub = field(init=False)

    def __post_init__(self) -> None:
        self.verdicts = verdict_service_pb2_grpc.VerdictServiceStub(self.channel)
        self.contributions = contribution_service_pb2_grpc.ContributionServiceStub(self.channel)
        self.agreements = agreement_service_pb2_grpc.AgreementServiceStub(self.channel)
        self.operators = operator_service_pb2_grpc.OperatorServiceStub(self.channel)
        self.certificates = certificate_service_pb2_grpc.CertificateServiceStub(self.channel)


class HubUnderTest:
    """A hub, its authority, and whoever calls it."""

    def __init__(self, home: Path, clock: Clock, table: Mapping[str, Route] | None = None) -> None:
        self.home = home
        self.clock = clock
        self._table = table
        plan = Plan(
            trust_domain=TRUST_DOMAIN, address="127.0.0.1:0", enrolment_address="127.0.0.1:0"
        )
        if not home.exists():
            found_hub(home, plan, clock)
        self.pki = TestPki(Hierarchy(home), now=clock.now())
        self._channels: list[grpc.Channel] = []
        self._signers = ExitStack()
        self.start()
        self.alice = self.operator("alice")
        self.bob = self.operator("bob")

    @property
    def settings(self) -> Settings:
        """Its configuration."""
        return load_settings(self.home)

    @property
    def target(self) -> str:
        """Where it listens."""
        return f"localhost:{self.hub.port}"

    @property
    def enrolment_target(self) -> str:
        """Where it enrols."""
        return f"localhost:{self.hub.enrolment_port}"

    def start(self) -> None:
        """Starts it, on another port than before."""
        self.hub = Hub(self.settings, clock=self.clock, table=self._table)
        self.start_signer()
        self.hub.start()

    def start_signer(self) -> None:
        """Starts what signs certificates, in a thread; one of a hub that was stopped ends."""
        self._signers.close()
        self.signer = SignerServer(self.settings, self.hub.ledger, self.clock)
        self._signers.enter_context(self.signer)

    def stop(self) -> None:
        """Stops it and closes every channel."""
        for channel in self._channels:
            channel.close()
        self._channels.clear()
        self._signers.close()
        self.hub.stop(grace_seconds=0.5)

    def restart(self) -> None:
        """Stops and starts it; callers must connect anew."""
        self.stop()
        self.start()
        self.alice, self.bob = self.operator("alice"), self.operator("bob")

    def connect(self, minted: Minted | None) -> Stubs:
        """Connects with a certificate, or with none."""
        chain, key = (
            (None, None) if minted is None else (minted.certificate_chain_pem, minted.key_pem)
        )
        credentials = grpc.ssl_channel_credentials(self.pki.hub_roots_pem, key, chain)
        channel = grpc.secure_channel(self.target, credentials)
        self._channels.append(channel)
        return Stubs(channel)

    def enrolling(self, roots_pem: bytes | None = None) -> Stubs:
        """Connects to the enrolment listener, without a certificate."""
        credentials = grpc.ssl_channel_credentials(roots_pem or self.pki.hub_roots_pem)
        channel = grpc.secure_channel(self.enrolment_target, credentials)
        self._channels.append(channel)
        return Stubs(channel)

    def operator(self, name: str) -> Stubs:
        """Connects as an operator made by the founding."""
        files = self.pki.hierarchy.operator(name)
        return self.connect(Minted(files.certificate.read_bytes(), files.key.read_bytes()))

    def partner(self, partner_id: str, **terms: object) -> Stubs:
        """Makes a partner with a certificate and an agreement, and connects as it."""
        self.create_partner(partner_id)
        minted = self.pki.partner(partner_id)
        self.register(minted)
        self.agree(partner_id, **terms)
        return self.connect(minted)

    def create_partner(self, partner_id: str) -> None:
        """Makes a partner that can do nothing yet."""
        request = operator_pb.CreatePartnerRequest(partner_id=partner_id, display_name=partner_id)
        self.alice.operators.CreatePartner(request)

    def register(self, minted: Minted) -> None:
        """Registers a certificate."""
        der = minted.certificate.public_bytes(Encoding.DER)
        self.alice.operators.RegisterCertificate(
            operator_pb.RegisterCertificateRequest(certificate_der=der)
        )

    def agree(self, partner_id: str, **terms: object) -> int:
        """Proposes and approves an agreement; returns its version."""
        proposed = self.alice.operators.ProposeAgreement(
            operator_pb.ProposeAgreementRequest(agreement=agreement(partner_id, **terms))
        )
        version: int = proposed.agreement.version
        self.bob.operators.ApproveAgreement(
            operator_pb.ApproveAgreementRequest(partner_id=partner_id, version=version)
        )
        return version

    def entries(self) -> list[Entry]:
        """Reads the whole audit log."""
        with self.hub.ledger.read() as txn:
            return [parse_entry(raw) for _, raw in list_entries(txn)]


def agreement(partner_id: str, **terms: object) -> agreement_pb2.Agreement:
    """Makes an ample agreement, narrowed by the terms given."""
    today = shanghai_day(last_noon())
    ample: dict[str, Any] = {
        "start_day": today - 400,
        "end_day": today + 400,
        "purposes": list(Purpose),
        "channels": list(Channel),
        "product_lines": list(ProductLine),
        "category_bits": packaged_taxonomy().known_bits,
        "source_class_bits": ALL_CLASSES,
        "detail_level": DetailLevel.PROVENANCE,
        "identifier_type_bits": ALL_TYPES,
        "suites": list(Suite),
        "contribution": agreement_pb2.ContributionRights(
            category_bits=packaged_taxonomy().known_bits, source_class_bits=ALL_CLASSES
        ),
        "query_quota": agreement_pb2.Quota(**AMPLE),
        "contribution_quota": agreement_pb2.Quota(**AMPLE),
    }
    return agreement_pb2.Agreement(partner_id=partner_id, **(ample | terms))


@contextmanager
def running_hub(
    home: Path, clock: Clock | None = None, table: Mapping[str, Route] | None = None
) -> Iterator[HubUnderTest]:
    """Runs a hub for a block."""
    hub = HubUnderTest(home, clock or FakeClock(), table)
    try:
        yield hub
    finally:
        hub.stop()


def refusal(error: grpc.RpcError) -> tuple[str, str, dict[str, str]]:
    """Reads a refusal: status code, reason (empty if none), metadata without the call id."""
    assert isinstance(error, grpc.Call)
    status = rpc_status.from_call(error)
    code: str = error.code().name
    if status is None:
        return code, "", {}
    infos = [
        detail for detail in status.details if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)
    ]
    assert len(infos) == 1, "exactly one ErrorInfo"
    info = error_details_pb2.ErrorInfo()
    infos[0].Unpack(info)
    metadata = dict(info.metadata)
    assert metadata.pop("callId")
    return code, info.reason, metadata


def requests_of(*messages: Message) -> Iterator[Message]:
    """Makes a request stream of messages."""
    return iter(messages)


__all__ = [
    "HubUnderTest",
    "Stubs",
    "agreement",
    "bits",
    "refusal",
    "requests_of",
    "running_hub",
]
