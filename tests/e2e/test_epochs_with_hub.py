"""A partner while epochs open and are promoted: nothing fails, nothing is lost or paid twice."""

from __future__ import annotations

import csv
import json
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from partner_sdk import Client, NoOpeningEpochError, RowFrame, frame_of_subjects, retoken_rows
from partner_sdk.cli.main import run
from partner_sdk.sources.rows import ParsedRow, Row, parse_row
from rongan_share.v1 import operator_service_pb2 as operator_pb
from rongan_share.wire.reasons import Reason
from rongan_share.wire.taxonomy import packaged_taxonomy
from rongan_share.wire.vocabulary import Channel, IdentifierType, Purpose, State
from tests.e2e.test_sdk_with_hub import client_of
from tests.support.hub import HubUnderTest, running_hub
from tests.walk.rolling import open_epoch

ASKED: dict[str, Any] = {"purpose": Purpose.SANCTIONS, "channel": Channel.BATCH}
HEADER = "op,reference,type,value,category,evidence,source_class,legal_basis,expiry_date"
TERMS = "E4,AUTHORITY_DETERMINED,COURT,PUBLIC_RECORD,2027-01-02"


@pytest.fixture(name="hub")
def start_hub(tmp_path: Path) -> Iterator[HubUnderTest]:
    """A hub of its own: epochs belong to all of it."""
    with running_hub(tmp_path / "home") as hub:
        yield hub


@pytest.fixture(name="client")
def connect(hub: HubUnderTest, tmp_path: Path) -> Iterator[Client]:
    """One partner and its client."""
    with client_of(hub, tmp_path / "bank-one") as client:
        yield client


def promote(hub: HubUnderTest, number: int) -> None:
    """Promotes an epoch, for which no listing may lack its token."""
    request = operator_pb.PromoteEpochRequest(epoch=number)
    deadline = time.monotonic() + 20
    while not hub.alice.operators.PromoteEpoch(request).promoted:
        assert time.monotonic() < deadline


def name(number: int) -> str:
    """Gives an identifier of which there is no alias."""
    return f"host{number}.example"


def listing(number: int) -> ParsedRow:
    """Makes a row of a listing of its own."""
    row = Row(
        line=number,
        reference=f"case {number}",
        type="DOMAIN",
        value=name(number),
        category="E4",
        evidence="AUTHORITY_DETERMINED",
        source_class="COURT",
        legal_basis="PUBLIC_RECORD",
    )
    return parse_row(row, packaged_taxonomy())


def frames_of(count: int, size: int) -> list[RowFrame]:
    """Makes frames of listings."""
    firsts = range(0, count * size, size)
    return [RowFrame(tuple(map(listing, range(first, first + size)))) for first in firsts]


def listed_count(client: Client, count: int) -> int:
    """Asks how many of the first so many identifiers are listed."""
    make = frame_of_subjects([[(IdentifierType.DOMAIN, name(number))] for number in range(count)])
    (answer,) = client.stream_verdicts([make], **ASKED)
    return len(answer.listed_index)


def spent(client: Client) -> int:
    """Asks how many tokens were paid for today."""
    return client.usage().query.day_spent_count


@pytest.mark.parametrize("seed", range(3))
def test_upload_over_opening_and_promotion(hub: HubUnderTest, client: Client, seed: int) -> None:
    """An epoch opens and is promoted at some moment of an upload; every row is kept once."""
    rng = random.Random(seed)
    frames = frames_of(24, 5)
    opened_at = rng.randrange(24)
    promoted_at = rng.randrange(opened_at, 25)

    def drawn() -> Iterator[RowFrame]:
        for number, frame in enumerate(frames):
            if number == opened_at:
                open_epoch(hub, 2)
            if number == promoted_at:
                complete_and_promote()
            yield frame

    def complete_and_promote() -> None:
        # Frames under way at this moment carry tokens of the new epoch, or are refused for it.
        mine = {one.reference for one in client.own_listings()}
        rows = [row for frame in frames for row in frame.rows if row.reference in mine]
        for ack in client.retoken(retoken_rows(rows), frame_rows=7):
            assert not ack.left_out
        promote(hub, 2)

    acks = list(client.contribute(drawn(), stream_id=bytes(range(16))))
    if promoted_at == len(frames):
        complete_and_promote()
    assert [ack.frame_number for ack in acks] == list(range(1, 25))
    assert sum(ack.added_count for ack in acks) == 120
    references = sorted(one.reference for one in client.own_listings())
    assert references == sorted(row.reference for frame in frames for row in frame.rows)
    assert listed_count(client, 130) == 120
    assert client.token_epoch().number == 2


def fill(client: Client, count: int) -> None:
    """Contributes listings in both epochs, the second of which is opening."""
    frame = RowFrame(tuple(map(listing, range(0, 2 * count, 2))))
    assert [ack.added_count for ack in client.contribute([frame], stream_id=bytes(16))] == [count]


@pytest.mark.parametrize("seed", range(2))
def test_batch_over_promotion(hub: HubUnderTest, client: Client, seed: int) -> None:
    """A batch is answered in the old epoch and then in the new, each token once and paid once."""
    open_epoch(hub, 2)
    fill(client, 500)
    rng = random.Random(seed)
    subjects = [[(IdentifierType.DOMAIN, name(number))] for number in range(1_000)]
    frames = [frame_of_subjects(subjects[at : at + 20]) for at in range(0, 1_000, 20)]
    before = spent(client)
    timer = threading.Timer(rng.random() * 0.05, promote, (hub, 2))
    listed, epochs = 0, []
    for number, answer in enumerate(client.stream_verdicts(frames, **ASKED), start=1):
        assert (answer.frame_number, answer.token_count) == (number, 20)
        listed += len(answer.listed_index)
        epochs.append(answer.epoch)
        if number == 10:
            timer.start()
        time.sleep(0.002)
    timer.join()
    assert (number, listed) == (50, 500)
    assert epochs == sorted(epochs)
    assert set(epochs) == {1, 2}
    assert spent(client) - before == 1_000


def test_interrupted_batch_goes_on_after_promotion(hub: HubUnderTest, client: Client) -> None:
    """A batch taken up again under its id is free where it was answered, whatever the epoch."""
    open_epoch(hub, 2)
    fill(client, 20)
    make = frame_of_subjects([[(IdentifierType.DOMAIN, name(number))] for number in range(40)])
    how = {**ASKED, "batch_id": bytes(range(16))}
    before = spent(client)
    answers = client.stream_verdicts([make] * 3, **how)
    first = next(answers)
    answers.close()  # type: ignore[attr-defined]
    promote(hub, 2)
    rest = list(client.stream_verdicts([make] * 2, first_frame=2, **how))
    again = list(client.stream_verdicts([make] * 2, first_frame=2, **how))
    assert [answer.epoch for answer in (first, *rest, *again)] == [1, 2, 2, 2, 2]
    assert {len(answer.listed_index) for answer in (first, *rest, *again)} == {20}
    assert rest[0].batch_id == again[0].batch_id != first.batch_id
    # The second frame of the first run may have been answered before it was given up.
    assert spent(client) - before in {120, 160}


def test_questions_of_many_threads_over_promotion(hub: HubUnderTest, client: Client) -> None:
    """Sixteen threads ask, over shared streams and alone; none of them notices."""
    open_epoch(hub, 2)
    fill(client, 50)
    over = threading.Event()
    told: set[int] = set()

    def ask(thread: int) -> int:
        rng, count = random.Random(thread), 0
        while not over.is_set():
            number = rng.randrange(100)
            verdict = client.check(
                [(IdentifierType.DOMAIN, name(number))], detail=thread % 4 == 0, **ASKED
            )
            assert verdict.state is (State.NOT_LISTED if number % 2 else State.LISTED)
            told.add(verdict.epoch)
            count += 1
        return count

    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(ask, thread) for thread in range(16)]
        time.sleep(0.3)
        promote(hub, 2)
        time.sleep(0.3)
        over.set()
        assert sum(each.result(20) for each in asked) > 100
    assert told == {1, 2}


def command(hub: HubUnderTest, folder: Path, *words: str) -> int:
    """Runs a command of the partner."""
    return run(["--hub", hub.target, "--credentials", str(folder), "--json", *words])


def write_file(path: Path, numbers: range) -> Path:
    """Writes a file of listings."""
    rows = [f"ADD,case {n},DOMAIN,{name(n)},{TERMS}" for n in numbers]
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def test_retoken_command(
    hub: HubUnderTest, client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One command gives a file's listings their tokens, and names the rows that are none (C7)."""
    folder = tmp_path / "bank-one"
    file = write_file(tmp_path / "listings.csv", range(1_200))
    assert command(hub, folder, "contribute", str(file)) == 0
    assert command(hub, folder, "contribute", str(file), "--retoken") == 1
    assert "no epoch is opening" in capsys.readouterr().err
    gone = {7, 8, 500, 1_199}
    taken = tmp_path / "gone.csv"
    rows = [f"WITHDRAW,case {n},DOMAIN,{name(n)},E4,,,," for n in gone]
    taken.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    assert command(hub, folder, "contribute", str(taken)) == 0
    open_epoch(hub, 2)
    capsys.readouterr()
    left_out = tmp_path / "listings.csv.left-out.csv"
    for earlier in (0, 1_200):
        assert command(hub, folder, "contribute", str(file), "--retoken") == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["next_epoch"], told["rows"], told["rows_earlier"]) == (2, 1_200, earlier)
        assert (told["retokened"], told["left_out"]) == (1_196, 4)
        assert told["left_out_file"] == str(left_out)
        with left_out.open(newline="", encoding="utf-8") as opened:
            named = list(csv.DictReader(opened))
        assert {int(row["line"]) for row in named} == {number + 2 for number in gone}
        assert len(named) == 4
        assert {row["type"] for row in named} == {"DOMAIN"}
    promote(hub, 2)
    assert listed_count(client, 1_250) == 1_196


def test_retoken_command_goes_on(
    hub: HubUnderTest, client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that broke goes on where it was; what it had not counted is done once more."""
    folder = tmp_path / "bank-one"
    file = write_file(tmp_path / "listings.csv", range(40))
    write_file(tmp_path / "half.csv", range(20))
    assert command(hub, folder, "contribute", str(tmp_path / "half.csv")) == 0
    open_epoch(hub, 2)
    words = ("contribute", str(file), "--retoken", "--frame-rows", "8")
    assert command(hub, folder, *words) == 0
    capsys.readouterr()
    state = tmp_path / "listings.csv.retoken.json"
    kept = json.loads(state.read_text(encoding="utf-8"))
    assert (kept["retokened"], kept["left_out"]) == (20, 20)
    left_out = tmp_path / "listings.csv.left-out.csv"
    whole = left_out.read_bytes()
    header = len(whole.splitlines(keepends=True)[0])
    broken = kept | {"rows_done": 8, "retokened": 8, "left_out": 0, "left_out_bytes": header}
    state.write_text(json.dumps(broken), encoding="utf-8")
    assert command(hub, folder, *words) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows_earlier"], told["retokened"], told["left_out"]) == (8, 20, 20)
    assert left_out.read_bytes() == whole
    state.write_text("{}", encoding="utf-8")
    assert command(hub, folder, *words) == 1
    assert command(hub, folder, *words, "--restart") == 0
    promote(hub, 2)
    assert listed_count(client, 40) == 20


@pytest.mark.parametrize(
    "of_another",
    [
        {"caller": "spiffe://hub.test/partner/bank-two"},
        {"opened_time": "2026-01-01T00:00:00+00:00"},
    ],
    ids=["partner", "hub"],
)
def test_retoken_command_begins_anew_for_another(
    hub: HubUnderTest,
    client: Client,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    of_another: dict[str, str],
) -> None:
    """What another partner sent of the same file, or this one to another hub, is not done here."""
    folder = tmp_path / "bank-one"
    file = write_file(tmp_path / "listings.csv", range(10))
    assert command(hub, folder, "contribute", str(file)) == 0
    open_epoch(hub, 2)
    words = ("contribute", str(file), "--retoken")
    assert command(hub, folder, *words) == 0
    state = tmp_path / "listings.csv.retoken.json"
    kept = json.loads(state.read_text(encoding="utf-8"))
    assert kept.keys() >= of_another.keys()
    state.write_text(json.dumps(kept | of_another), encoding="utf-8")
    capsys.readouterr()
    assert command(hub, folder, *words) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows_earlier"], told["retokened"]) == (0, 10)
    promote(hub, 2)
    assert listed_count(client, 10) == 10


def test_retoken_of_many_rows_that_are_none(
    hub: HubUnderTest, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once enough rows were refused, own listings tell of the others at once."""
    monkeypatch.setattr("partner_sdk.retokens.MOST_SINGLY", 3)
    monkeypatch.setattr("partner_sdk.retokens.PROBE_ROWS", 10)
    list(client.contribute([RowFrame(tuple(map(listing, range(0, 100, 3))))], stream_id=bytes(16)))
    open_epoch(hub, 2)
    acks = list(client.retoken(retoken_rows(map(listing, range(200))), frame_rows=20))
    assert sum(ack.retokened_count for ack in acks) == 34
    assert sum(ack.row_count for ack in acks) == 200
    absent = {each.row.line for ack in acks for each in ack.left_out}
    assert absent == set(range(200)) - set(range(0, 100, 3))
    refused = [entry for entry in hub.entries() if entry.kind == "REFUSAL"]
    assert [entry.decision for entry in refused] == [Reason.ROW_REFUSED.name] * 3
    promote(hub, 2)
    assert listed_count(client, 200) == 34


@pytest.mark.parametrize("change", ["opened", "promoted"])
def test_upload_taken_up_again_after_a_change(
    hub: HubUnderTest, client: Client, change: str
) -> None:
    """An upload that broke off goes on in the epochs of the moment, with the frames not taken."""
    frames = frames_of(6, 5)
    first = client.contribute(frames, stream_id=bytes(16))
    next(first)
    first.close()  # type: ignore[attr-defined]
    open_epoch(hub, 2)
    taken = frames[: client.contribution_state(bytes(16)).frame_number]
    if change == "promoted":
        rows = [row for frame in taken for row in frame.rows]
        assert not any(ack.left_out for ack in client.retoken(retoken_rows(rows)))
        promote(hub, 2)
    rest = list(client.contribute(frames, stream_id=bytes(16)))
    assert [ack.frame_number for ack in rest] == list(range(len(taken) + 1, 7))
    assert len(list(client.own_listings())) == 30
    assert listed_count(client, 40) == 30


def test_retoken_ends_with_its_epoch(hub: HubUnderTest, client: Client) -> None:
    """Who is still at it when the epoch is promoted is told so, by an error of its own."""
    open_epoch(hub, 2)
    fill(client, 30)

    def rows() -> Iterator[ParsedRow]:
        for number in range(0, 60, 2):
            if number == 40:
                promote(hub, 2)
            yield listing(number)

    with pytest.raises(NoOpeningEpochError):
        list(client.retoken(retoken_rows(rows()), frame_rows=5))


def test_batch_command_over_promotion(
    hub: HubUnderTest,
    client: Client,
    tmp_path: Path,
    *,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The command counts exactly and names both epochs."""
    monkeypatch.setattr("partner_sdk.cli.batch.FRAME_TOKENS", 20)
    open_epoch(hub, 2)
    fill(client, 1_000)
    before = spent(client)
    file = tmp_path / "asked.csv"
    rows = [f"DOMAIN,{name(number)}" for number in range(2_000)]
    file.write_text("\n".join(["type,value", *rows]) + "\n", encoding="utf-8")
    words = ("batch", str(file), "-o", str(tmp_path / "told.csv"), "--purpose", "SANCTIONS")
    with ThreadPoolExecutor(1) as pool:
        batch = pool.submit(command, hub, tmp_path / "bank-one", *words)
        while spent(client) == before:
            time.sleep(0.001)
        promote(hub, 2)
        assert batch.result(60) == 0
    assert spent(client) - before == 2_000
    told = json.loads(capsys.readouterr().out)
    assert told["states"] == {"LISTED": 1_000, "NOT_LISTED": 1_000}
    assert told["epochs"] == [1, 2]
