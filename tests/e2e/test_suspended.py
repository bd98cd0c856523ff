"""A suspended partner and its command: it may take back what it shared, and share nothing."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from partner_sdk.client import Client
from partner_sdk.errors import NotAllowedError
from partner_sdk.sources.rows import COLUMNS
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.wire.reasons import Reason
from rongan_share.wire.vocabulary import Channel, IdentifierType, Purpose, State
from tests.support.processes import HubProcess, Rongan, days_ahead, hub_process

CONTRIBUTOR, ASKER = "bank-a", "bank-b"
SITES = ("one.example", "two.example", "three.example")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub on which a partner shared three sites and was then suspended."""
    folder = tmp_path_factory.mktemp("suspended")
    with hub_process(folder / "home") as running:
        rongan = Rongan(running.target, running.credentials(CONTRIBUTOR))
        running.credentials(ASKER)
        listings = write_rows(folder / "sites.csv", *SITES, operation="ADD", values=True)
        assert rongan.run("contribute", str(listings)).facts["added"] == len(SITES)
        running.alice.operators.SuspendPartner(
            operator_pb.SuspendPartnerRequest(partner_id=CONTRIBUTOR, reason="key stolen")
        )
        yield running


def write_rows(file: Path, *sites: str, operation: str, values: bool) -> Path:
    """Writes rows about sites, each under its own reference, with or without its value."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, COLUMNS, restval="")
        writer.writeheader()
        for site in sites:
            row = {"op": operation, "reference": f"case of {site}", "category": "G2"}
            if values:
                row |= {"type": "DOMAIN", "value": site}
            if operation == "ADD":
                row |= {
                    "evidence": "VERIFIED",
                    "source_class": "PEER_DOMESTIC",
                    "legal_basis": "ANTI_TELECOM_FRAUD_LAW",
                    "expiry_date": days_ahead(9),
                }
            writer.writerow(row)
    return file


def command(hub: HubProcess) -> Rongan:
    """The suspended partner's command."""
    return Rongan(hub.target, hub.home.parent / CONTRIBUTOR)


def states(client: Client) -> list[State]:
    """Asks about the sites."""
    return [
        client.check(
            [(IdentifierType.DOMAIN, site)], purpose=Purpose.ANTI_FRAUD, channel=Channel.MOBILE
        ).state
        for site in SITES
    ]


@pytest.mark.parametrize("operation", ["ADD", "WITHDRAW"])
def test_rows_with_values_are_refused(hub: HubProcess, tmp_path: Path, operation: str) -> None:
    """Rows with values need tokens, whose key a suspended partner does not get: exit 1."""
    rows = write_rows(tmp_path / "rows.csv", "one.example", operation=operation, values=True)
    done = command(hub).run("contribute", str(rows))
    assert (done.code, done.out) == (1, "")
    error = json.loads(done.err)["error"]
    assert (error["status"], error["reason"]) == ("PERMISSION_DENIED", "PARTNER_SUSPENDED")
    assert error["exit_code"] == 1
    with (
        hub.dial(hub.home.parent / CONTRIBUTOR) as client,
        pytest.raises(NotAllowedError) as refused,
    ):
        client.token_epoch()
    assert refused.value.reason is Reason.PARTNER_SUSPENDED
    with hub.dial(hub.home.parent / ASKER) as client:
        assert states(client)[0] is State.LISTED


def test_rows_without_values_are_taken_back(hub: HubProcess, tmp_path: Path) -> None:
    """WITHDRAW by reference needs no token, is accepted, and reaches those who ask."""
    rows = write_rows(tmp_path / "rows.csv", *SITES[1:], operation="WITHDRAW", values=False)
    done = command(hub).run("contribute", str(rows)).facts
    assert (done["withdrawn"], done["sent_rows"]) == (2, 2)
    with hub.dial(hub.home.parent / ASKER) as client:
        assert states(client) == [State.LISTED, State.NOT_LISTED, State.NOT_LISTED]
