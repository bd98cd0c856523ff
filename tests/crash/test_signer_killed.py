"""The signer killed between intent, signature and registration: one certificate comes of it.

trust: C6.
"""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from rongan_share.processes.signing import SignerClient
from rongan_share.v1 import operator_service_pb2 as pb
from tests.support.books import fault_of_log
from tests.support.hub import refusal
from tests.support.processes import HubProcess, hub_process

PARTNER, SIGNER = "bank-a", "signer-1"


def request_der() -> bytes:
    """A request for a new key."""
    builder = x509.CertificateSigningRequestBuilder(subject_name=x509.Name([]))
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(Encoding.DER)


def ask(hub: HubProcess, der: bytes) -> bytes:
    """Asks for a certificate; returns it."""
    request = pb.IssueCertificateRequest(
        holder_kind=pb.HOLDER_KIND_PARTNER, holder_id=PARTNER, request_der=der
    )
    return hub.alice.operators.IssueCertificate(request, timeout=30).chain_der[0]


def steps(hub: HubProcess) -> list[dict[str, str]]:
    """What the log holds of issuances."""
    return [dict(entry.facts) for entry in hub.entries() if "step" in entry.facts]


def await_steps(hub: HubProcess, count: int) -> list[dict[str, str]]:
    """Waits until the log holds so many steps."""
    end = time.monotonic() + 20
    while len(found := steps(hub)) < count:
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def test_killed_signer_leaves_one_certificate(tmp_path: Path) -> None:
    """Killed before it signs, then all of the hub after it signed: serial and bytes stay."""
    with hub_process(tmp_path / "home") as hub, ThreadPoolExecutor() as pool:
        hub.create_partner(PARTNER)
        der = request_der()
        os.kill(hub.children()[SIGNER], signal.SIGSTOP)
        asked = pool.submit(ask, hub, der)
        (intended,) = await_steps(hub, 1)
        # It never answers and is killed long after the last try of whoever waits for it.
        time.sleep(2.2)
        times = hub.kill_child(SIGNER)
        with pytest.raises(grpc.RpcError) as caught:
            asked.result()
        assert refusal(caught.value)[:2] == ("UNAVAILABLE", "SIGNER_UNAVAILABLE")
        hub.await_child(SIGNER, times)
        signed = SignerClient(hub.settings.signer.socket).sign(intended["issuance"])
        hub.kill()
        hub.revive()
        assert ask(hub, der) == signed
        assert f"{x509.load_der_x509_certificate(signed).serial_number:x}" == intended["serial"]
        done = steps(hub)
        assert [each["step"] for each in done] == ["intended", "continued", "registered"]
        assert {each["serial"] for each in done} == {intended["serial"]}
        assert fault_of_log(hub) is None
