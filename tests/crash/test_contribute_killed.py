"""``rongan contribute`` killed at any moment and run again ends as if it had never been killed."""

from __future__ import annotations

import csv
import json
import random
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from partner_sdk.cli.upload_state import state_path
from partner_sdk.columns import Frame
from partner_sdk.contributions import ContributionState
from partner_sdk.sources.csv_file import read_rows
from partner_sdk.sources.rows import COLUMNS
from rongan_share.model.quota import Meter
from rongan_share.wire.identifiers import parse_identifier
from rongan_share.wire.vocabulary import Channel, IdentifierType, Purpose
from tests.support.books import Books, fault_of_log, listings_shown, read_books
from tests.support.processes import Done, HubProcess, Rongan, days_ahead, finish, hub_process
from tests.support.proxy import Proxy, Way, proxy_to

ROW_COUNT = 3_000
FRAME_ROWS = 100
FRAMES = ROW_COUNT // FRAME_ROWS
CONTRIBUTOR, ASKER = "bank-a", "bank-b"
WORDS = ("--frame-rows", str(FRAME_ROWS))


@dataclass(frozen=True, slots=True)
class Ending:
    """What an upload left at a hub, as far as two hubs can agree on it."""

    books: Books
    state: ContributionState
    verdicts: Sequence[object]
    listings: set[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Unbroken:
    """An upload that nothing disturbed: the file, its end, and the bytes it took to get there."""

    file: Path
    ending: Ending
    up_bytes: int


def write_listings(file: Path, count: int) -> None:
    """Writes a contribution of sites, a record of ten rows each."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, COLUMNS, restval="")
        writer.writeheader()
        for number in range(count):
            writer.writerow(
                {
                    "reference": f"case {number // 10}",
                    "type": "DOMAIN",
                    "value": f"site-{number}.example",
                    "category": "G2",
                    "severity": str(1 + number % 3),
                    "evidence": "VERIFIED",
                    "source_class": "PEER_DOMESTIC",
                    "legal_basis": "ANTI_TELECOM_FRAUD_LAW",
                    "expiry_date": days_ahead(30),
                }
            )


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Unbroken:
    """Contributes the file once, undisturbed, to a hub of its own."""
    folder = tmp_path_factory.mktemp("unbroken")
    file = folder / "sites.csv"
    write_listings(file, ROW_COUNT)
    with new_hub(folder) as hub, proxy_to(hub.port) as proxy:
        facts = Rongan(proxy.target, folder / CONTRIBUTOR).run("contribute", str(file), *WORDS)
        assert facts.facts["frames"] == FRAMES
        return Unbroken(file, ending_of(hub, file), proxy.passed[Way.UP])


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubProcess]:
    """A fresh hub with a contributor and another partner."""
    with new_hub(tmp_path) as running:
        yield running


@pytest.fixture
def file(unbroken: Unbroken, tmp_path: Path) -> Path:
    """A copy of the file that no upload has touched."""
    return Path(shutil.copy(unbroken.file, tmp_path / "sites.csv"))


@contextmanager
def new_hub(folder: Path) -> Iterator[HubProcess]:
    """Runs a fresh hub with a contributor and another partner."""
    with hub_process(folder / "home") as running:
        running.credentials(CONTRIBUTOR)
        running.credentials(ASKER)
        yield running


def ending_of(hub: HubProcess, file: Path) -> Ending:
    """Reads what an upload left: in the books, to its contributor, to another partner."""
    folder = hub.home.parent
    stream_id = bytes.fromhex(json.loads(state_path(file).read_text())["stream_id"])
    with hub.dial(folder / CONTRIBUTOR) as contributor:
        state = contributor.contribution_state(stream_id)
    books = read_books(hub)
    books.verify()
    assert fault_of_log(hub) is None
    with hub.dial(folder / ASKER) as asker:
        canonicals = (parse_identifier(IdentifierType.DOMAIN, row.value) for row in read_rows(file))
        tokens = asker.tokenizer().tokens(canonical.text for canonical in canonicals)
        types = bytes([IdentifierType.DOMAIN]) * ROW_COUNT
        (answer,) = asker.stream_verdicts(
            [Frame(tokens, types)], purpose=Purpose.ANTI_FRAUD, channel=Channel.BATCH
        )
    verdicts = [(answer.state(at), answer.summary(at)) for at in range(ROW_COUNT)]
    # Entries differ in place: a broken upload has more of them.
    return Ending(
        books, replace(state, entry_index=0), verdicts, listings_shown(hub, answer.entry_index)
    )


def verify_same(ending: Ending, unbroken: Ending) -> None:
    """Fails unless listings, sequence, quota and stream are those of the unbroken upload."""
    assert ending.books.shape == unbroken.books.shape
    assert ending.books.list_sequence == unbroken.books.list_sequence == FRAMES
    assert ending.books.spent == unbroken.books.spent
    assert ending.books.spent[CONTRIBUTOR, Meter.CONTRIBUTION] == ROW_COUNT
    assert ending.state == unbroken.state
    assert ending.listings == unbroken.listings
    assert len(ending.listings) == ROW_COUNT
    assert ending.verdicts == unbroken.verdicts


def contribute_killed_at(rongan: Rongan, file: Path, proxy: Proxy, *, moment: float) -> Done:
    """Runs the upload and kills it: an integer is a byte on its way up, a fraction is seconds."""
    process = rongan.launch("contribute", str(file), *WORDS)
    with process:
        if isinstance(moment, int):
            proxy.arm(Way.UP, moment, process.kill)
        else:
            time.sleep(moment)
            process.kill()
        done = finish(process)
    proxy.disarm()
    return done


def moments(seed: int, up_bytes: int) -> Iterator[int | float]:
    """Draws when to kill: before it is up, at its first byte, then anywhere."""
    rng = random.Random(seed)
    yield rng.uniform(0.0, 0.4)
    yield 1
    yield rng.randrange(up_bytes // 8)
    while True:
        yield rng.randrange(up_bytes // 3)


@pytest.mark.parametrize("seed", range(3))
def test_contribute_killed_until_done(
    hub: HubProcess, unbroken: Unbroken, file: Path, seed: int
) -> None:
    """Killed after any byte and run again until it ends, an upload leaves what an unbroken does."""
    kills = 0
    with proxy_to(hub.port) as proxy:
        rongan = Rongan(proxy.target, hub.home.parent / CONTRIBUTOR)
        for moment in moments(seed, unbroken.up_bytes):
            done = contribute_killed_at(rongan, file, proxy, moment=moment)
            if done.code == 0:
                break
            assert (done.code, done.out) == (-signal.SIGKILL, "")
            kills += 1
    assert kills >= 3
    verify_same(ending_of(hub, file), unbroken.ending)


def test_contribute_killed_at_the_end(hub: HubProcess, unbroken: Unbroken, file: Path) -> None:
    """Killed before it has read the last answers, an upload finds everything there and ends."""
    with proxy_to(hub.port) as proxy:
        rongan = Rongan(proxy.target, hub.home.parent / CONTRIBUTOR)
        killed = contribute_killed_at(rongan, file, proxy, moment=unbroken.up_bytes - 2_000)
        assert killed.code == -signal.SIGKILL
        again = rongan.run("contribute", str(file), *WORDS).facts
    assert again["earlier_frames"] + again["frames"] == FRAMES
    assert again["earlier_frames"] >= FRAMES - 3
    verify_same(ending_of(hub, file), unbroken.ending)


def test_hub_killed_and_back_during_contribute(
    hub: HubProcess, unbroken: Unbroken, file: Path
) -> None:
    """A hub that comes back while an upload waits is given the rest; nobody need do anything."""
    killed = threading.Event()
    with proxy_to(hub.port) as proxy:
        rongan = Rongan(proxy.target, hub.home.parent / CONTRIBUTOR)

        def kill() -> None:
            hub.kill()
            killed.set()

        proxy.arm(Way.UP, unbroken.up_bytes // 2, kill)
        with rongan.launch("contribute", str(file), *WORDS) as process:
            assert killed.wait(20)
            hub.revive()
            done = finish(process)
    assert done.facts["frames"] == FRAMES
    verify_same(ending_of(hub, file), unbroken.ending)


def test_hub_killed_for_good_during_contribute(
    hub: HubProcess, unbroken: Unbroken, file: Path
) -> None:
    """A hub that stays away ends the command with 3; run again later, it completes."""
    with proxy_to(hub.port) as proxy:
        rongan = Rongan(proxy.target, hub.home.parent / CONTRIBUTOR)
        proxy.arm(Way.UP, unbroken.up_bytes // 3, hub.kill)
        with rongan.launch("contribute", str(file), *WORDS, patient=False) as process:
            done = finish(process)
        assert (done.code, done.out) == (3, "")
        assert json.loads(done.err)["error"]["status"] == "UNAVAILABLE"
        hub.revive()
        assert 0 < rongan.run("contribute", str(file), *WORDS).facts["earlier_frames"] < FRAMES
    verify_same(ending_of(hub, file), unbroken.ending)


def test_changed_file_is_refused_until_restarted(hub: HubProcess, file: Path) -> None:
    """A file that changed under a begun upload is refused with advice, and the advice works."""
    rongan = Rongan(hub.target, hub.home.parent / CONTRIBUTOR)
    assert rongan.run("contribute", str(file), *WORDS).facts["added"] == ROW_COUNT
    write_listings(file, ROW_COUNT + 1)
    refused = rongan.run("contribute", str(file), *WORDS)
    assert (refused.code, refused.out) == (1, "")
    assert "--restart" in json.loads(refused.err)["error"]["text"]
    assert read_books(hub).list_sequence == FRAMES
    again = rongan.run("contribute", str(file), *WORDS, "--restart").facts
    assert (again["added"], again["unchanged"]) == (1, ROW_COUNT)
    assert rongan.run("contribute", str(file), *WORDS).facts["earlier_frames"] == FRAMES + 1
