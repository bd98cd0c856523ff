from __future__ import annotations

import pytest
from cryptography import x509

from rongan_share.v1 import operator_service_pb2 as pb
from tests.support.hub import HubUnderTest, agreement
from tests.walk.asking import refused

CODE, OTHER_CODE = "91130000MA0000001W", "91130100MA00000025"
FULL = pb.CreatePartnerRequest(
    partner_id="full",
    display_name="某某银行",
    kind=pb.PARTNER_KIND_BANK,
    english_name="Some Bank",
    credit_code=OTHER_CODE,
    region="130100",
    contact="risk desk, ext. 12",
)


def partner(hub: HubUnderTest, partner_id: str) -> pb.Partner:
    """Finds a partner as operators see it."""
    pages = hub.alice.operators.ListPartners(pb.ListPartnersRequest(page_size=1_000))
    return next(each for each in pages.partners if each.partner_id == partner_id)


def test_partner_is_kept_as_given(hub: HubUnderTest) -> None:
    """Whatever is said of a partner when it is registered is what operators are shown."""
    made = hub.alice.operators.CreatePartner(FULL).partner
    for name in ("display_name", "kind", "english_name", "credit_code", "region", "contact"):
        assert getattr(made, name) == getattr(FULL, name)
    assert partner(hub, "full") == made


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("kind", 77, "a known PartnerKind"),
        ("english_name", "e" * 201, "0 to 200 printable characters"),
        ("contact", "a\nb", "0 to 200 printable characters"),
        ("credit_code", "91130000MA0000001X", "the check character is wrong"),
        ("credit_code", "91130000ma0000001W", "18 digits and upper-case letters, nothing else"),
        ("credit_code", "９1130000MA00000015", "18 digits and upper-case letters, nothing else"),
        ("credit_code", "9113", "needs 18 characters"),
        ("region", "13010", "6 digits, the first not 0"),
        ("region", "１30100", "6 digits, the first not 0"),
    ],
)
def test_field_out_of_range(hub: HubUnderTest, field: str, value: object, rule: str) -> None:
    """A field that breaks its rule is named, and nothing is registered."""
    request = pb.CreatePartnerRequest(partner_id="bad", display_name="b")
    setattr(request, field, value)
    told = refused(hub, lambda: hub.alice.operators.CreatePartner(request), by="alice")
    assert told == ("INVALID_ARGUMENT", "REQUEST_MALFORMED", {"field": field, "rule": rule})


def test_credit_code_is_of_one_partner(hub: HubUnderTest) -> None:
    """An institution is registered once: its credit code cannot stand under a second id."""
    request = pb.CreatePartnerRequest(partner_id="c-1", display_name="c", credit_code=CODE)
    hub.alice.operators.CreatePartner(request)
    request.partner_id = "c-2"
    told = refused(hub, lambda: hub.alice.operators.CreatePartner(request), by="alice")
    assert told == ("ALREADY_EXISTS", "RESOURCE_EXISTS", {"resource": "credit_code"})


def test_partner_tells_what_it_has(hub: HubUnderTest) -> None:
    """Proposed versions and certificates in use are told; revoked certificates are not."""
    hub.create_partner("has")
    assert not partner(hub, "has").certificate_serials
    minted = [hub.pki.partner("has") for _ in range(2)]
    for each in minted:
        hub.register(each)
    hub.alice.operators.ProposeAgreement(pb.ProposeAgreementRequest(agreement=agreement("has")))
    found = partner(hub, "has")
    assert (found.agreement_version, found.newest_agreement_version) == (0, 1)
    serials = sorted(serial(each.certificate) for each in minted)
    assert list(found.certificate_serials) == serials
    request = pb.RevokeCertificateRequest(serial_hex=serials[0], reason="lost")
    hub.alice.operators.RevokeCertificate(request)
    assert list(partner(hub, "has").certificate_serials) == serials[1:]


def serial(certificate: x509.Certificate) -> str:
    """Writes a serial number as the hub does."""
    return f"{certificate.serial_number:x}"
