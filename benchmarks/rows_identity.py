"""Rows of identity: how soon a revocation shuts its holder out, and what letting one in costs."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import grpc
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from benchmarks.enrolment import enrol
from benchmarks.listings import UNLISTED, tokens_of
from benchmarks.many_partners import add_partners
from benchmarks.report import Family, Result, median_of
from benchmarks.rows_frames import opening_message
from benchmarks.rows_streams import PARTNERS
from benchmarks.rows_unary import encode_check
from partner_sdk.errors import from_rpc_error
from rongan_share.gate.agreement import verify_scope
from rongan_share.gate.identity import parse_claim, verify_caller
from rongan_share.ledger.environment import Ledger
from rongan_share.ledger.objects import load_registry
from rongan_share.model.partner import HolderKind
from rongan_share.services.call import Scope
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.v1 import verdict_service_pb2 as pb
from rongan_share.v1.operator_service_pb2_grpc import OperatorServiceStub
from rongan_share.v1.verdict_service_pb2_grpc import VerdictServiceStub
from rongan_share.wire.days import shanghai_day
from rongan_share.wire.reasons import Reason
from rongan_share.wire.vocabulary import Channel, DetailLevel, ProductLine, Purpose, Suite

if TYPE_CHECKING:
    from benchmarks.enrolment import Identity
    from benchmarks.world import World

_REVOKE, _COST = "revoke_to_refusal_s", "identity_cpu_us"
_ROUNDS = 3
_CONNECTIONS = 8
"""Of each kind, so that with two workers each of them has some."""

_BEFORE_SECONDS = 0.5
_LOST_SECONDS = 60.0
_COSTED = 200_000
_MICROSECONDS = 1e6
_TOKENS = 64


@dataclass
class _Users:
    """What a partner has under way, and when each of it was refused.

    Attributes:
        answered: Kinds that were answered at least once.
        refused: Instants of the refusals by kind.
    """

    answered: set[str] = field(default_factory=set)
    refused: dict[str, list[float]] = field(default_factory=dict)
    _threads: list[threading.Thread] = field(default_factory=list)

    def begin(self, kind: str, use: Callable[[], Iterator[object]]) -> None:
        """Uses the hub in a thread until it refuses."""

        def run() -> None:
            try:
                for _ in use():
                    self.answered.add(kind)
            except grpc.RpcError as error:
                if from_rpc_error(error).reason is Reason.CERTIFICATE_REVOKED:
                    self.refused.setdefault(kind, []).append(time.perf_counter())

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def join(self) -> None:
        """Waits until all of it was refused."""
        for thread in self._threads:
            thread.join(_LOST_SECONDS)


def _revocation(world: World) -> list[Result]:
    worst: dict[tuple[int, str], float] = {}
    for workers in (1, 2):
        world.hub.stop()
        world.start(workers=workers)
        for number in range(min(_ROUNDS, world.scale.runs)):
            name = f"revoked-{workers}-{number}-{time.monotonic_ns()}"
            partner = enrol(world.hierarchy, world.target, name, now=world.clock.now())
            for kind, seconds in _revoke(world, partner).items():
                worst[workers, kind] = max(worst.get((workers, kind), 0.0), seconds)
    world.hub.stop()
    world.start()
    told = ", ".join(f"{n} workers {kind} {each:.2f}" for (n, kind), each in worst.items())
    return [median_of(_REVOKE, [max(worst.values())], unit="s", note=f"worst of {told}")]


def _revoke(world: World, partner: Identity) -> dict[str, float]:
    """Revokes a partner that is at work; returns the longest wait for a refusal by kind."""
    leaf = x509.load_pem_x509_certificate(partner.files.certificate.read_bytes())
    serial = f"{leaf.serial_number:x}"
    users = _Users()
    with ExitStack() as stack:
        operator = stack.enter_context(world.operator.channel(world.target))
        for _ in range(_CONNECTIONS):
            stub = VerdictServiceStub(stack.enter_context(partner.channel(world.target)))
            users.begin("unary", partial(_asking, stub))
            users.begin("frames", partial(_streaming, stub, idle=False))
            users.begin("idle", partial(_streaming, stub, idle=True))
        time.sleep(_BEFORE_SECONDS)
        OperatorServiceStub(operator).RevokeCertificate(
            operator_pb.RevokeCertificateRequest(serial_hex=serial, reason="measured")
        )
        began = time.perf_counter()
        users.join()
    ended = {kind: len(refused) for kind, refused in users.refused.items()}
    if users.answered != set(ended) or set(ended.values()) != {_CONNECTIONS}:
        raise ValueError(f"not all of it was answered, then refused: {ended}")
    return {kind: max(0.0, max(each) - began) for kind, each in users.refused.items()}


def _asking(stub: VerdictServiceStub) -> Iterator[object]:
    token = tokens_of(np.array([UNLISTED], np.uint64))
    while True:
        yield stub.CheckSubject(pb.CheckSubjectRequest.FromString(encode_check(token)))
        time.sleep(0.01)


def _streaming(stub: VerdictServiceStub, *, idle: bool) -> Iterator[object]:
    tokens = tokens_of(np.arange(_TOKENS, dtype=np.uint64) + np.uint64(UNLISTED))
    asked: queue.SimpleQueue[pb.StreamVerdictsRequest] = queue.SimpleQueue()
    asked.put(pb.StreamVerdictsRequest(open=opening_message()))
    number = 1
    asked.put(_frame(number, tokens))
    for answer in stub.StreamVerdicts(iter(asked.get, None)):
        yield answer
        if not idle:
            time.sleep(0.01)
            number += 1
            asked.put(_frame(number, tokens))


def _frame(number: int, tokens: bytes) -> pb.StreamVerdictsRequest:
    return pb.StreamVerdictsRequest(frame=pb.VerdictFrame(frame_number=number, tokens=tokens))


def _cost(world: World) -> list[Result]:
    """Measures identity and agreement of a call as the gate runs them, over many partners."""
    partners = json.loads(add_partners(world, world.scale.of(PARTNERS)).read_text("ascii"))
    leaves = [
        x509.load_pem_x509_certificate(chain.encode()).public_bytes(Encoding.PEM)
        for chain, _ in partners
    ]
    with Ledger(world.settings.data_directory, writable=False) as ledger, ledger.read() as txn:
        registry = load_registry(txn)
    domain = world.settings.trust_domain
    scope = Scope(
        purpose=Purpose.ANTI_FRAUD,
        channel=Channel.MOBILE,
        product_line=ProductLine.SCREEN,
        detail_level=DetailLevel.PROVENANCE,
        suite=Suite.HMAC_SHA256,
    )

    def run(count: int) -> float:
        # gRPC hands the certificate over as new bytes with each call.
        shown = [bytes(bytearray(leaves[number % len(leaves)])) for number in range(count)]
        began = time.process_time()
        for pem in shown:
            now = world.clock.now()
            claim = parse_claim(pem, domain)
            caller = verify_caller(claim, registry, HolderKind.PARTNER, now=now)
            verify_scope(caller, registry, scope, day=shanghai_day(now))
        return (time.process_time() - began) / count * _MICROSECONDS

    run(len(leaves))
    runs = [run(world.scale.of(_COSTED)) for _ in range(world.scale.runs)]
    note = f"{len(leaves)} partners, each certificate read once before"
    return [median_of(_COST, runs, unit="us", note=note)]


FAMILIES = (Family((_REVOKE,), _revocation), Family((_COST,), _cost))
"""Its rows restart the hub."""
