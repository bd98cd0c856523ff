from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import lmdb
import pytest
from msgspec.structs import replace

from rongan_share.errors import Reason, RonganError
from rongan_share.gate.handlers import PACKAGE
from rongan_share.gate.routes import Question, Route
from rongan_share.gate.table import route_table
from rongan_share.ledger.committer import Placement
from rongan_share.ledger.environment import Table, Transaction
from rongan_share.services.call import Call, Outcome
from tests.support.hub import HubUnderTest, refusal, running_hub
from tests.walk.asking import (
    LISTED,
    TIMEOUT,
    Row,
    advance,
    check,
    contribute,
    entries_from,
    fresh,
    log_size,
    question,
    refused,
    stream,
    verdict_frame,
    verdict_open,
)

CANARY = "canary-6217001234567890"
CHECK, STREAM = "VerdictService/CheckSubject", "VerdictService/StreamVerdicts"
CONTRIBUTE = "ContributionService/Contribute"

Serve = Callable[[Call, Question], Outcome]


def table_with(**serves: tuple[str, Callable[[Serve], Serve]]) -> Mapping[str, Route]:
    """Returns the route table with the answers of some routes wrapped."""
    table = dict(route_table())
    for method, wrap in serves.values():
        serve = table[method].serve
        assert serve is not None
        table[method] = dataclasses.replace(table[method], serve=wrap(serve))
    return table


def raising(error: Exception) -> Callable[[Serve], Serve]:
    """Makes a service raise."""

    def wrap(_: Serve) -> Serve:
        def serve(call: Call, asked: Question) -> Outcome:
            raise error

        return serve

    return wrap


def failing_in_commit(error: Exception) -> Callable[[Serve], Serve]:
    """Makes the effects of an answer raise in the commit, after the first was written."""

    def wrap(serve: Serve) -> Serve:
        def write(txn: Transaction, placement: Placement) -> None:
            raise error

        def served(call: Call, asked: Question) -> Outcome:
            outcome = serve(call, asked)
            return replace(outcome, writes=(*outcome.writes, write))

        return served

    return wrap


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    """A hub whose verdict services raise a secret."""
    table = table_with(
        check=(CHECK, raising(ValueError(CANARY))),
        stream=(STREAM, raising(KeyError(CANARY))),
    )
    with running_hub(tmp_path_factory.mktemp("faulty") / "home", table=table) as hub:
        yield hub


@pytest.mark.parametrize("method", [CHECK, STREAM])
def test_exception_of_a_service_stays_inside(
    faulty: HubUnderTest, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    """Nothing of an exception reaches the peer; the hub's log has it under the call's id."""
    partner_id = "f-check" if method == CHECK else "f-stream"
    caller = faulty.partner(partner_id)
    caught: list[Any] = []

    def ask() -> None:
        try:
            _ = check(caller, fresh()) if method == CHECK else stream(caller, fresh())
        except grpc.RpcError as error:
            caught.append(error)
            raise

    told = refused(faulty, ask, by=partner_id)
    assert told == ("INTERNAL", "INTERNAL", {} if method == CHECK else {"frameNumber": "1"})
    seen = f"{caught[0].details()} {caught[0].trailing_metadata()} {caught[0]!r}"
    assert CANARY not in seen
    assert "Traceback" not in seen
    assert CANARY in caplog.text
    [record] = [each for each in caplog.records if each.levelno >= logging.ERROR]
    call_id = record.getMessage().partition("call_id=")[2].partition(" ")[0]
    assert call_id in seen
    assert CANARY not in str(faulty.entries())


def test_call_that_fails_leaves_others_alone(faulty: HubUnderTest) -> None:
    """After a fault the same connection is served on."""
    caller = faulty.partner("f-on")
    refused(faulty, lambda: check(caller, fresh()), by="f-on")
    assert contribute(caller, [Row(token=fresh())])[0].added_count == 1


UNKNOWN = [
    f"/{PACKAGE}.VerdictService/CheckEverybody",
    f"/{PACKAGE}.SchemeService/CreateScheme",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/VerdictService/CheckSubject",
]


@pytest.mark.parametrize("method", UNKNOWN)
def test_unknown_method(hub: HubUnderTest, method: str) -> None:
    """A method outside the protos is gRPC's own refusal; no handler runs, and reflection is off."""
    before = log_size(hub)
    rpc: Any = hub.alice.channel.unary_unary(method)
    with pytest.raises(grpc.RpcError) as caught:
        rpc(b"", timeout=TIMEOUT)
    assert refusal(caught.value) == ("UNIMPLEMENTED", "", {})
    assert log_size(hub) == before


def test_flood_of_refusals_is_counted(hub: HubUnderTest) -> None:
    """Of fifty refusals in a second ten get an entry each; the rest are counted, and all add up."""
    caller = hub.partner("f-flood")
    advance(hub, seconds=1)
    before = log_size(hub)
    for _ in range(50):
        with pytest.raises(grpc.RpcError):
            check(caller, fresh(), epoch=7)
    told = refused(hub, lambda: check(caller, fresh(), purpose=0), by="f-flood", still=True)
    assert told.reason == "REQUEST_MALFORMED"
    hub.restart()
    entries = [entry for entry in entries_from(hub, before) if entry.decision == "EPOCH_NOT_OPEN"]
    assert [entry.counts["refused"] for entry in entries[:10]] == [1] * 10
    assert [len(entry.facts) for entry in entries] == [3] * 10 + [0] * (len(entries) - 10)
    assert sum(entry.counts["refused"] for entry in entries) == 50
    assert len(entries) < 20
    assert {(entry.caller_id, entry.method) for entry in entries} == {("f-flood", CHECK)}


FAILURES: dict[str, tuple[Exception, str]] = {
    "an effect raises": (ValueError(CANARY), "STORE_FAILED"),
    "an effect refuses": (RonganError(Reason.ROW_REFUSED), "STORE_FAILED"),
    "the store fails": (lmdb.DiskError(CANARY), "STORE_FAILED"),
    "the store is full": (lmdb.MapFullError(CANARY), "STORE_FULL"),
}


@pytest.mark.parametrize("case", FAILURES, ids=str)
def test_commit_that_fails_answers_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, case: str
) -> None:
    """What cannot be made durable is not answered: no listing, no sequence, no entry."""
    error, reason = FAILURES[case]
    table = table_with(contribute=(CONTRIBUTE, failing_in_commit(error)))
    with running_hub(tmp_path / "home", table=table) as hub:
        caller = hub.partner("f-commit")
        before = log_size(hub)
        row = Row(token=fresh())
        told = refused(hub, lambda: contribute(caller, [row]), by="f-commit")
        assert told == ("UNAVAILABLE", reason, {"frameNumber": "1"})
        assert [entry.decision for entry in entries_from(hub, before)] == [reason]
        assert check(caller, row.token, at_least_sequence=0).state != LISTED
        with hub.hub.ledger.read() as txn:
            assert hub.hub.follower.snapshot().sequence == 0
            assert txn.last_under(Table.JOURNAL, b"") is None
    assert CANARY not in str(told)


def test_call_under_way_is_finished(tmp_path: Path) -> None:
    """A hub that stops lets a call under way finish and enters it before its own last note."""
    reached, release = threading.Event(), threading.Event()

    def waiting(serve: Serve) -> Serve:
        def served(call: Call, asked: Question) -> Outcome:
            reached.set()
            release.wait(TIMEOUT)
            return serve(call, asked)

        return served

    with running_hub(tmp_path / "home", table=table_with(check=(CHECK, waiting))) as hub:
        caller = hub.partner("f-last")
        future = caller.verdicts.CheckSubject.future(question(fresh()), timeout=TIMEOUT)
        assert reached.wait(TIMEOUT)
        stopping = threading.Thread(target=hub.hub.stop, args=(TIMEOUT,))
        stopping.start()
        release.set()
        index = future.result(TIMEOUT).entry_index
        stopping.join(TIMEOUT)
        assert not stopping.is_alive()
        hub.start()
        found = [(entry.method, entry.kind) for entry in entries_from(hub, index)]
    assert found[:2] == [(CHECK, "VERDICT"), ("hub/stop", "HUB")]


def test_hub_that_stops_enters_nothing_more(tmp_path: Path) -> None:
    """Once the committer has ended, a call under way is told so and nothing is written."""
    reached, release = threading.Event(), threading.Event()

    def waiting(serve: Serve) -> Serve:
        def served(call: Call, asked: Question) -> Outcome:
            outcome = serve(call, asked)
            reached.set()
            release.wait(TIMEOUT)
            return outcome

        return served

    with running_hub(tmp_path / "home", table=table_with(check=(CHECK, waiting))) as hub:
        caller = hub.partner("f-late")
        future = caller.verdicts.CheckSubject.future(question(fresh()), timeout=TIMEOUT)
        assert reached.wait(TIMEOUT)
        size = log_size(hub)
        hub.hub.committer.stop()
        release.set()
        with pytest.raises(grpc.RpcError) as caught:
            future.result(TIMEOUT)
        assert refusal(caught.value) == ("UNAVAILABLE", "HUB_STOPPING", {})
        assert log_size(hub) == size
        # Its last note cannot be written any more either.
        with suppress(RonganError):
            hub.stop()


def test_cancelled_stream_is_no_fault(hub: HubUnderTest, caplog: pytest.LogCaptureFixture) -> None:
    """A client that gives its stream up is no fault: no error is logged or entered."""
    caller = hub.partner("f-gone")
    before = log_size(hub)
    released = threading.Event()

    def messages() -> Iterator[Any]:
        yield verdict_open()
        yield verdict_frame(1, fresh())
        released.wait(TIMEOUT)

    call = caller.verdicts.StreamVerdicts(messages(), timeout=TIMEOUT)
    assert next(call).not_listed_count == 1
    call.cancel()
    released.set()
    hub.restart()
    decisions = [entry.decision for entry in entries_from(hub, before)]
    assert "INTERNAL" not in decisions
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
