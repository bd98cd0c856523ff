"""`rongan-hub import` beside a hub of two workers, and without one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.listings import columns_of
from rongan_share.cli.importing.packed import FORMAT, MANIFEST
from rongan_share.columns.freeze import LEAST_ROWS
from rongan_share.ledger.counters import get_list_sequence
from rongan_share.v1.operator_service_pb2 import GetHubStatusRequest
from rongan_share.wire.days import shanghai_day
from tests.support.books import fault_of_log
from tests.support.processes import Done, HubProcess, hub_process, run_hub_command
from tests.walk.asking import Row, contribute, fresh

ROWS = LEAST_ROWS + 20_000
"""Enough for columns of their own."""

HEADER = "reference,type,token,category,severity,evidence,source_class,legal_basis\n"
CELLS = "E4,3,AUTHORITY_DETERMINED,INTL_LIST,PUBLIC_RECORD\n"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub of two workers, with a partner whose listings are imported."""
    with hub_process(tmp_path_factory.mktemp("import") / "home", 2) as running:
        running.credentials("bank-a")
        yield running


def run(hub: HubProcess, *words: str) -> Done:
    """Imports something for bank-a as alice."""
    named = ("--as", "alice", "--hub", hub.target, "--json", "import", "--partner", "bank-a")
    return run_hub_command(hub.home, *named, *words)


def write_csv(path: Path, *lines: str) -> Path:
    """Writes a file of listings."""
    path.write_text(HEADER + "".join(f"{line},{CELLS}" for line in lines))
    return path


def line() -> str:
    """Makes the beginning of a good line."""
    return f"{fresh().hex()},PASSPORT,{fresh().hex()}"


def status(hub: HubProcess) -> tuple[int, int]:
    """Tells listings and how many of them a worker holds in memory."""
    answer = hub.operator("alice").operators.GetHubStatus(GetHubStatusRequest(), timeout=5)
    return answer.listing_count, answer.tail_count


def test_import_beside_two_workers(hub: HubProcess, tmp_path: Path) -> None:
    """While another partner contributes; both workers serve all of it, mapped and not copied."""
    numbers = np.arange(ROWS, dtype=np.uint64)
    for name, raw in columns_of(numbers, numbers, shanghai_day(hub.clock.now())).items():
        (tmp_path / f"{name}.bin").write_bytes(raw)
    (tmp_path / MANIFEST).write_text(json.dumps({"format": FORMAT, "rows": ROWS, "epoch": 1}))
    other = hub.connect(hub.rejoin(hub.credentials("bank-b")))
    ended = threading.Event()
    sent: list[int] = []

    def go_on() -> None:
        while not ended.is_set():
            contribute(other, [Row(token=fresh(), reference=fresh())])
            sent.append(1)

    contributing = threading.Thread(target=go_on)
    contributing.start()
    done = run(hub, str(tmp_path)).facts
    ended.set()
    contributing.join()
    assert done["added"] == ROWS
    assert sent
    told = {status(hub) for _ in range(8)}
    # Frames of the other one may still be on their way to a worker; of the import all is there.
    assert all(ROWS < listings <= ROWS + len(sent) for listings, _ in told)
    assert all(tail <= len(sent) for _, tail in told)
    assert fault_of_log(hub) is None


def test_refusals_and_dry_run(hub: HubProcess, tmp_path: Path) -> None:
    """Exit codes and what is said of rows."""
    good = write_csv(tmp_path / "good.csv", line(), line())
    checked = run(hub, str(good), "--dry-run").facts
    assert (checked["dry_run"], checked["added"], checked["rows_read"]) == (True, 2, 2)
    bad = write_csv(tmp_path / "bad.csv", line(), line().replace("PASSPORT", "PASPORT"))
    refused = run(hub, str(bad))
    assert refused.code == 1
    told = json.loads(refused.err)["error"]
    assert [(each["line"], each["column"]) for each in told["problems"]] == [(3, "type")]


def test_sentences(hub: HubProcess, tmp_path: Path) -> None:
    """What was not done, the file's own words for its columns, and why a partner may not."""
    words = ("--as", "alice", "--hub", hub.target, "import")
    file = tmp_path / "own.csv"
    file.write_text(
        f"op,event_date,{HEADER}AMEND,2020-01-01,{line()},{CELLS}ADD,2020-02-31,{line()},{CELLS}"
    )
    told = run_hub_command(hub.home, *words, "--partner", "bank-a", str(file))
    assert "2 problems; nothing was imported" in told.err
    assert "line 2: op: " in told.err
    assert "line 3: event_date: " in told.err
    good = write_csv(tmp_path / "good.csv", line())
    told = run_hub_command(hub.home, *words, "--partner", "nobody", str(good))
    assert (told.code, "the hub has no partner nobody" in told.err) == (1, True)
    folder = tmp_path / "packed"
    folder.mkdir()
    (folder / MANIFEST).write_text("{}")
    told = run_hub_command(hub.home, *words, "--partner", "bank-a", str(folder))
    assert "1 problem; nothing was imported" in told.err
    assert f"  {MANIFEST} needs" in told.err


def test_file_that_was_imported_before(hub: HubProcess, tmp_path: Path) -> None:
    """Nothing is made by that, and there is no rate of it."""
    good = write_csv(tmp_path / "good.csv", line(), line())
    assert run(hub, str(good)).facts["added"] == 2
    told = run(hub, str(good)).facts
    facts = [told[key] for key in ("added", "added_before", "repeated", "rows_per_second")]
    assert facts == [0, 2, True, 0]


def test_import_without_a_hub(hub: HubProcess, tmp_path: Path) -> None:
    """The command commits by the same walk; killed imports tell that a hub serves it then."""
    hub.stop()
    file = write_csv(tmp_path / "some.csv", line(), line(), line())
    done = run(hub, str(file)).facts
    assert done["added"] == 3
    with hub.ledger() as ledger, ledger.read() as txn:
        assert get_list_sequence(txn) == done["last_sequence"]
    assert hub.entries()[done["entry_index"]].method == "OperatorService/CommitImport"
