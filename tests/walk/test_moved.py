from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from rongan_share.gate.routes import Question, Route
from rongan_share.gate.table import route_table
from rongan_share.gate.walk import ATTEMPTS
from rongan_share.services.call import Call, Outcome
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.wire.days import date_of_day, shanghai_day
from rongan_share.wire.vocabulary import Purpose
from tests.support.hub import HubUnderTest, running_hub
from tests.walk.asking import (
    NOT_LISTED,
    Row,
    check,
    contribute,
    entries_from,
    fresh,
    log_size,
    refused,
    set_clock,
    withdrawal,
)

CHECK, CONTRIBUTE = "VerdictService/CheckSubject", "ContributionService/Contribute"

Between = Callable[[], object]
"""What happens after an item was decided and before it commits."""


class Interruption:
    """Runs something between decision and commit, as often as it is told, and counts decisions."""

    def __init__(self) -> None:
        self.between: list[Between] = []
        self.decided = 0

    def table(self) -> Mapping[str, Route]:
        """Returns the route table with questions and contributions interrupted."""
        table = dict(route_table())
        for method in (CHECK, CONTRIBUTE):
            table[method] = dataclasses.replace(table[method], serve=self._wrap(table[method]))
        return table

    def _wrap(self, route: Route) -> Callable[[Call, Question], Outcome]:
        serve = route.serve
        assert serve is not None

        def served(call: Call, asked: Question) -> Outcome:
            outcome = serve(call, asked)
            self.decided += 1
            if self.between:
                self.between.pop()()
            return outcome

        return served


@contextmanager
def interrupted(home: Path) -> Iterator[tuple[HubUnderTest, Interruption]]:
    """Runs a hub whose decisions can be interrupted."""
    interruption = Interruption()
    with running_hub(home, table=interruption.table()) as hub:
        yield hub, interruption


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[HubUnderTest, Interruption]]:
    """A hub and what interrupts it."""
    with interrupted(tmp_path_factory.mktemp("moved") / "home") as made:
        yield made


def test_agreement_that_moves_before_the_commit(pair: tuple[HubUnderTest, Interruption]) -> None:
    """An agreement narrowed after the decision and before its commit rules the answer."""
    hub, interruption = pair
    caller = hub.partner("m-narrow")
    interruption.between.append(lambda: _agree(hub, "m-narrow", purposes=[Purpose.AML_CFT]))
    told = refused(hub, lambda: check(caller, fresh()), by="m-narrow")
    assert told == ("PERMISSION_DENIED", "PURPOSE_NOT_GRANTED", {"purpose": "SANCTIONS"})


def test_change_of_another_partner_before_the_commit(
    pair: tuple[HubUnderTest, Interruption],
) -> None:
    """Any change of the registry has the item decided again, entered and paid once."""
    hub, interruption = pair
    caller = hub.partner("m-other")
    interruption.between.append(lambda: hub.create_partner("m-somebody"))
    before, interruption.decided = log_size(hub), 0
    answer = check(caller, fresh())
    assert (answer.state, interruption.decided) == (NOT_LISTED, 2)
    assert answer.quota_left.day_count == 10**9 - 1
    methods = [entry.method for entry in entries_from(hub, before)]
    assert methods == ["OperatorService/CreatePartner", CHECK]


def test_midnight_before_the_commit(pair: tuple[HubUnderTest, Interruption]) -> None:
    """An item decided before midnight that commits after it is decided again by the new date."""
    hub, interruption = pair
    start = hub.clock.now()
    today = shanghai_day(start)
    midnight = datetime.combine(date_of_day(today + 1), datetime.min.time(), UTC)
    midnight -= timedelta(hours=8)
    caller = hub.partner("m-night", end_day=today)
    try:
        set_clock(hub, midnight - timedelta(seconds=1))
        interruption.between.append(lambda: set_clock(hub, midnight))
        told = refused(hub, lambda: check(caller, fresh()), by="m-night", still=True)
    finally:
        set_clock(hub, start)
    ended = {"endDay": date_of_day(today).isoformat()}
    assert told == ("PERMISSION_DENIED", "AGREEMENT_EXPIRED", ended)


def test_own_rows_that_move_before_the_commit(pair: tuple[HubUnderTest, Interruption]) -> None:
    """Of two streams that add one listing at once, one adds it and the other finds it."""
    hub, interruption = pair
    caller = hub.partner("m-rows")
    row = Row(token=fresh(), reference=fresh())
    first: list[int] = []
    interruption.between.append(lambda: first.append(contribute(caller, [row])[0].added_count))
    second = contribute(caller, [row])[0]
    assert (first, second.added_count, second.unchanged_count) == ([1], 0, 1)
    assert len(check(caller, row.token).listings) == 1
    interruption.between.append(lambda: contribute(caller, [withdrawal(row.token, row.reference)]))
    told = refused(
        hub, lambda: contribute(caller, [withdrawal(row.token, row.reference)]), by="m-rows"
    )
    assert (told.reason, told.metadata["row"]) == ("ROW_REFUSED", "0")


def test_item_that_moves_for_ever(pair: tuple[HubUnderTest, Interruption]) -> None:
    """An item that can never commit is refused in the end, with a time to come back."""
    hub, interruption = pair
    caller = hub.partner("m-busy")
    interruption.between += [
        partial(hub.create_partner, f"m-busy-{number}") for number in range(ATTEMPTS + 1)
    ]
    told = refused(hub, lambda: check(caller, fresh()), by="m-busy")
    interruption.between.clear()
    assert told == ("UNAVAILABLE", "STORE_BUSY", {})
    assert check(caller, fresh()).state == NOT_LISTED


def test_revocation_before_the_commit(pair: tuple[HubUnderTest, Interruption]) -> None:
    """A certificate revoked after the decision and before its commit gets no answer."""
    hub, interruption = pair
    hub.create_partner("m-lost")
    minted = hub.pki.partner("m-lost")
    hub.register(minted)
    hub.agree("m-lost")
    request = operator_pb.RevokeCertificateRequest(
        serial_hex=f"{minted.certificate.serial_number:x}", reason="lost"
    )
    interruption.between.append(lambda: hub.alice.operators.RevokeCertificate(request))
    told = refused(hub, lambda: check(hub.connect(minted), fresh()), by="m-lost")
    assert told == ("UNAUTHENTICATED", "CERTIFICATE_REVOKED", {})


def _agree(hub: HubUnderTest, partner_id: str, **terms: object) -> None:
    hub.agree(partner_id, **terms)
