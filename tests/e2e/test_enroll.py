"""The SDK enrols at a real hub: one certificate or a named cause (trust: A6)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from partner_sdk import (
    Client,
    Credentials,
    HubNotRecognisedError,
    NoRootShownError,
    UnauthenticatedError,
    UnavailableError,
    enroll,
    make_key_and_request,
)
from partner_sdk.directory import CredentialsDirectory, DirectoryBusyError
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.wire.enrolment_string import EnrolmentString
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.reasons import Reason
from rongan_share.wire.vocabulary import Purpose
from tests.support.clock import last_noon
from tests.support.hub import HubUnderTest, running_hub
from tests.support.pki import Minted, TestPki
from tests.support.processes import free_port
from tests.support.tls_server import context_for, tls_server
from tests.walk.enrolling import enroll as enroll_by_hand

FILES = {"certificate.pem", "key.pem", "roots.pem", "trust-bundle.pb", ".lock"}


@pytest.fixture(scope="module", name="hub")
def one_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    """A hub that enrols."""
    with running_hub(tmp_path_factory.mktemp("enrol") / "home") as running:
        yield running


def string_for(hub: HubUnderTest, partner: str) -> EnrolmentString:
    """Makes a partner and its enrolment string."""
    hub.create_partner(partner)
    hub.agree(partner)
    answer = hub.alice.operators.CreateEnrolment(
        operator_pb.CreateEnrolmentRequest(partner_id=partner)
    )
    return EnrolmentString(partner, answer.secret, answer.root_digest)


def test_string_becomes_credentials(hub: HubUnderTest, tmp_path: Path) -> None:
    """A string and nothing else is enough to be let in, and leaves four files."""
    folder = tmp_path / "bank-a"
    text = string_for(hub, "bank-a").format()
    made = enroll(folder, hub.enrolment_target, f" {text}\n")
    assert made == Credentials.from_directory(folder)
    assert made.identity == "spiffe://rongan.test/partner/bank-a"
    assert {path.name for path in folder.iterdir()} == FILES
    assert (folder / "key.pem").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    with Client(hub.target, made) as client:
        assert Purpose.ANTI_FRAUD in client.agreement().purposes
    with pytest.raises(FileExistsError):
        enroll(folder, hub.enrolment_target, text)


def test_goes_on_after_a_break(hub: HubUnderTest, tmp_path: Path) -> None:
    """Cut before it asked, it keeps its key; cut before it heard, it gets the same certificate."""
    string = string_for(hub, "bank-cut")
    with pytest.raises(UnavailableError):
        enroll(tmp_path, f"localhost:{free_port()}", string.format())
    key_pem = (tmp_path / "key.pem").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"key.pem", ".lock"}
    key = load_pem_private_key(key_pem, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    lost = enroll_by_hand(hub, "bank-cut", string.secret, key=key)
    enroll(tmp_path, hub.enrolment_target, string.format())
    assert (tmp_path / "key.pem").read_bytes() == key_pem
    found = Minted((tmp_path / "certificate.pem").read_bytes(), key_pem)
    assert found.certificate.public_bytes(Encoding.DER) == lost.chain_der[0]


def test_key_of_a_request_is_used(hub: HubUnderTest, tmp_path: Path) -> None:
    """Who made key and request already enrols with that key."""
    key, _ = make_key_and_request(tmp_path, "bank-csr")
    key_pem = key.read_bytes()
    enroll(tmp_path, hub.enrolment_target, string_for(hub, "bank-csr").format())
    assert key.read_bytes() == key_pem


def test_used_string_is_refused(hub: HubUnderTest, tmp_path: Path) -> None:
    """Who finds a string that was used gets nothing, and is told so; his key stays his."""
    text = string_for(hub, "bank-used").format()
    enroll(tmp_path / "first", hub.enrolment_target, text)
    with pytest.raises(UnauthenticatedError) as caught:
        enroll(tmp_path / "second", hub.enrolment_target, text)
    assert caught.value.reason is Reason.ENROLMENT_REFUSED
    assert not (tmp_path / "second/certificate.pem").exists()


@pytest.mark.parametrize(
    "text", ["", "rse1.bank-a.x.y", "rse2" + ".bank-a" + 2 * f".{'A' * 43}", f"rse1.{'B' * 43}"]
)
def test_what_is_no_string(tmp_path: Path, text: str) -> None:
    """Nothing is dialled or written for it, and it is not repeated."""
    with pytest.raises(MalformedError) as caught:
        enroll(tmp_path / "none", "localhost:1", text)
    assert not text or text not in str(caught.value)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("borrowed", [False, True], ids=["own-root", "borrowed-root"])
def test_another_hub_gets_no_secret(hub: HubUnderTest, tmp_path: Path, *, borrowed: bool) -> None:
    """A server with another root, or with ours shown beside a chain of its own, learns nothing."""
    string = string_for(hub, f"bank-lied-{int(borrowed)}")
    pki = TestPki.create(tmp_path / "stranger", now=last_noon())
    roots_pem = hub.pki.hub_roots_pem if borrowed else pki.hub_roots_pem
    stranger = Minted(pki.hub.certificate_chain_pem + roots_pem, pki.hub.key_pem)
    with (
        tls_server(context_for(tmp_path, stranger)) as server,
        pytest.raises(HubNotRecognisedError) as caught,
    ):
        enroll(tmp_path / "folder", server.target, string.format())
    assert "issuer" in str(caught.value) if borrowed else "another root" in str(caught.value)
    assert not server.received
    # The string is as good as before.
    enroll(tmp_path / "folder", hub.enrolment_target, string.format())


def test_two_at_once(hub: HubUnderTest, tmp_path: Path) -> None:
    """A second process that enrols into the same directory is told of the first."""
    string = string_for(hub, "bank-two")
    with CredentialsDirectory(tmp_path).locked(), pytest.raises(DirectoryBusyError):
        enroll(tmp_path, hub.enrolment_target, string.format())


def test_wrong_port(hub: HubUnderTest, tmp_path: Path) -> None:
    """The main listener shows no root, which is said as a cause of its own."""
    with pytest.raises(HubNotRecognisedError, match="port of its own") as caught:
        enroll(tmp_path, hub.target, string_for(hub, "bank-port").format())
    assert isinstance(caught.value, NoRootShownError)


def test_secret_is_not_shown(hub: HubUnderTest) -> None:
    """The repr of a string holds no secret."""
    string = string_for(hub, "bank-repr")
    assert string.format().split(".")[2] not in repr(string)
    assert EnrolmentString.parse(string.format()) == string
