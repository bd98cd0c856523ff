from __future__ import annotations

from pathlib import Path

import pytest

from rongan_share.v1 import verdict_service_pb2 as verdict_pb
from tests.support.bare_tls import Headers, call, connect, context_of, headers
from tests.support.hub import HubUnderTest
from tests.support.pki import Minted
from tests.walk.asking import entries_from, fresh, log_size, question

CLAIMS: dict[str, Headers] = {
    "authority": headers(authority="b-other"),
    "authority of a URI": headers(authority="rongan.test"),
    "host": headers(("host", "b-other")),
    "id in metadata": headers(("x-partner-id", "b-other")),
    "id twice": headers(("x-partner-id", "b-caller"), ("x-partner-id", "b-other")),
    "certificate in metadata": headers(
        ("x-forwarded-client-cert", "URI=spiffe://rongan.test/partner/b-other"),
        ("x509_common_name", "b-other"),
    ),
    "authority twice": [*headers()[:4], (":authority", "b-other"), *headers()[4:]],
}


@pytest.fixture(scope="module")
def caller(hub: HubUnderTest) -> Minted:
    """The certificate of a partner; another partner exists to be claimed."""
    hub.partner("b-other")
    hub.create_partner("b-caller")
    minted = hub.pki.partner("b-caller")
    hub.register(minted)
    hub.agree("b-caller")
    return minted


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_headers_claim_in_vain(
    hub: HubUnderTest, caller: Minted, tmp_path: Path, claim: str
) -> None:
    """Whatever headers claim, a call is the certificate holder's own, or is not served at all."""
    before = log_size(hub)
    message = question(fresh()).SerializeToString()
    context = context_of(caller, hub.pki.hub_roots_pem, tmp_path)
    answered = call(connect(context, hub.hub.port), CLAIMS[claim], message)
    assert {entry.caller_id for entry in entries_from(hub, before)} <= {"b-caller"}
    if answered:
        index = verdict_pb.CheckSubjectResponse.FromString(answered[5:]).entry_index
        assert entries_from(hub, index)[0].caller_id == "b-caller"
    assert answered or claim == "authority twice"
