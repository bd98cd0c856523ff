"""The everyday commands against a hub in this process: usage, own listings, files of subjects."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from partner_sdk.cli.main import run
from partner_sdk.sources.rows import COLUMNS
from rongan_share.clock import SystemClock
from rongan_share.v1.agreement_pb2 import Quota
from rongan_share.wire.sources import reference_from_text
from rongan_share.wire.vocabulary import Suite
from tests.support.hub import HubUnderTest, running_hub
from tests.support.processes import days_ahead, write_credentials
from tests.walk.rolling import open_epoch

Ask = Callable[..., str]
"""Runs `rongan` and returns what it printed."""

RECORD = "case 1"
MOBILE, SITE, NAME = "13800138000", "phish.example", "张三|11010519491231002X"
ELSEWHERE = "other.example"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    """One hub on the machine's clock; each partner's folder lies beside its home."""
    with running_hub(tmp_path_factory.mktemp("everyday") / "home", SystemClock()) as running:
        yield running


def enrolled(hub: HubUnderTest, partner_id: str, **terms: object) -> Path:
    """Makes a partner and returns the folder of its credentials."""
    hub.create_partner(partner_id)
    minted = hub.pki.partner(partner_id)
    hub.register(minted)
    hub.agree(partner_id, **terms)
    folder = hub.home.parent / partner_id
    write_credentials(folder, minted, hub.pki.hub_roots_pem)
    return folder


def listing(reference: str, kind: str, value: str, *, category: str = "A2") -> dict[str, str]:
    """Makes a row of a file of listings."""
    return {
        "reference": reference,
        "type": kind,
        "value": value,
        "category": category,
        "severity": "3",
        "evidence": "VERIFIED",
        "source_class": "PEER_DOMESTIC",
        "legal_basis": "ANTI_TELECOM_FRAUD_LAW",
        "expiry_date": days_ahead(20),
    }


def write(file: Path, columns: tuple[str, ...], rows: list[dict[str, str]]) -> Path:
    """Writes a CSV file."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return file


def read(file: Path) -> list[dict[str, str]]:
    """Reads a CSV file."""
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture
def commands(
    hub: HubUnderTest, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Path], Ask]:
    """Makes what runs `rongan` for the partner of a folder."""
    for name in ("RONGAN_HUB", "RONGAN_CREDENTIALS", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)

    def command_of(folder: Path) -> Ask:
        def ask(*words: str, code: int = 0) -> str:
            shared = ("--hub", hub.target, "--credentials", str(folder))
            assert run([*shared, *words]) == code
            return capsys.readouterr().out

        return ask

    return command_of


@pytest.fixture(scope="module")
def shared(hub: HubUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A partner that shares one record of three identifiers, and a site under another record."""
    folder = enrolled(hub, "bank-shares")
    rows = [
        listing(RECORD, "MSISDN", MOBILE),
        listing(RECORD, "NAME_ID", NAME),
        listing(RECORD, "DOMAIN", SITE, category="G2"),
        listing("case 2", "DOMAIN", ELSEWHERE, category="G2"),
    ]
    file = write(tmp_path_factory.mktemp("rows") / "rows.csv", COLUMNS, rows)
    words = ("--hub", hub.target, "--credentials", str(folder), "contribute", str(file))
    assert run(words) == 0
    return folder


def test_usage(hub: HubUnderTest, commands: Callable[[Path], Ask], tmp_path: Path) -> None:
    """What was spent is shown for both meters, before or after the command's name for JSON."""
    ask = commands(enrolled(hub, "bank-usage"))
    file = write(tmp_path / "rows.csv", COLUMNS, [listing("case", "DOMAIN", "mine.example")])
    ask("contribute", str(file))
    asked = ("DOMAIN", "a.example", "MSISDN", MOBILE)
    ask("check", *asked, "--purpose", "ANTI_FRAUD", "--channel", "MOBILE")
    facts = json.loads(ask("usage", "--json"))
    assert (facts["query"]["day_spent"], facts["query"]["month_spent"]) == (2, 2)
    assert (facts["contribution"]["day_spent"], facts["contribution"]["left"]["day"]) == (
        1,
        10**9 - 1,
    )
    assert json.loads(ask("--json", "usage"))["query"]["day_spent"] == 2
    assert "2 of 1000000000 today" in ask("usage")


def test_listing_list(shared: Path, commands: Callable[[Path], Ask], tmp_path: Path) -> None:
    """Own listings are printed or written by reference, by category if asked, without values."""
    ask = commands(shared)
    lines = [json.loads(line) for line in ask("listing", "list", "--json").splitlines()]
    reference = reference_from_text(RECORD).hex()
    assert [one["reference"] == reference for one in lines] == [True, True, True, False]
    assert [one["category"] for one in lines] == ["A2", "A2", "G2", "G2"]
    assert {one["expiry_date"] for one in lines} == {days_ahead(20)}
    output = tmp_path / "own.csv"
    facts = json.loads(ask("listing", "list", "--category", "g2", "-o", str(output), "--json"))
    assert facts == {"listings": 2, "output": str(output)}
    assert [int(row["listing_id"]) for row in read(output)] == [
        one["listing_id"] for one in lines if one["category"] == "G2"
    ]
    said = ask("listing", "list")
    assert said.splitlines()[-1] == "listings  4"
    assert said.count(reference) == 3
    assert not any(value in said for value in (MOBILE, SITE))
    ask("listing", "list", "--category", "Z9", "-o", str(tmp_path / "none.csv"), code=2)
    assert [path.name for path in tmp_path.iterdir()] == ["own.csv"]


def test_listed_reference_takes_a_listing_back(
    hub: HubUnderTest, commands: Callable[[Path], Ask], tmp_path: Path
) -> None:
    """A reference and category from the list are enough to withdraw what they stand for."""
    ask = commands(enrolled(hub, "bank-regrets"))
    rows = [listing("wrong", "DOMAIN", "w.example"), listing("right", "DOMAIN", "r.example")]
    ask("contribute", str(write(tmp_path / "rows.csv", COLUMNS, rows)))
    ask("listing", "list", "-o", str(tmp_path / "own.csv"))
    wrong, right = read(tmp_path / "own.csv")
    taken = {"op": "WITHDRAW", "reference": wrong["reference"], "category": wrong["category"]}
    ask("contribute", str(write(tmp_path / "back.csv", COLUMNS, [taken])))
    left = json.loads(ask("listing", "list", "--json"))
    assert left["listing_id"] == int(right["listing_id"])


def batch(
    ask: Ask, folder: Path, columns: tuple[str, ...], *, rows: list[dict[str, str]]
) -> tuple[Any, list[dict[str, str]]]:
    """Asks about a file; returns the facts and the rows of the output."""
    file, output = write(folder / "asked.csv", columns, rows), folder / "verdicts.csv"
    said = ask("--json", "batch", str(file), "-o", str(output), "--purpose", "ANTI_FRAUD")
    return json.loads(said), read(output)


def asked_row(kind: str, value: str, subject: str = "") -> dict[str, str]:
    """Makes a row of a file to ask about."""
    row = {"type": kind, "value": value}
    return row | ({"subject": subject} if subject else {})


def test_batch_of_subjects(shared: Path, commands: Callable[[Path], Ask], tmp_path: Path) -> None:
    """Rows of one subject are asked together; joint matches are told, and each row's own state."""
    rows = [
        asked_row("MSISDN", "+86 138 0013 8000", "anna"),
        asked_row("DOMAIN", SITE, "anna"),
        # The same identifier again is asked once: it must not count as a second match.
        asked_row("DOMAIN", SITE.upper(), "anna"),
        asked_row("DOMAIN", "free.example", "anna"),
        asked_row("MSISDN", MOBILE, "two records"),
        asked_row("DOMAIN", ELSEWHERE, "two records"),
        asked_row("DOMAIN", "free.example", "nobody"),
        asked_row("CN_RID", "12345", "half"),
        asked_row("DOMAIN", "free.example", "half"),
        asked_row("CN_RID", "12345", "half listed"),
        asked_row("DOMAIN", SITE, "half listed"),
        asked_row("DOMAIN", SITE),
        asked_row("DOMAIN", "free.example"),
        *(asked_row("DOMAIN", f"d{number}.example", "crowd") for number in range(17)),
        asked_row("DOMAIN", "free.example", "nobody"),
    ]
    facts, told = batch(commands(shared), tmp_path, ("type", "value", "subject"), rows=rows)
    crowd = [("MALFORMED", "MALFORMED", "", "")] * 17
    assert [
        (row["state"], *(row[f"subject_{name}"] for name in ("state", "severity", "matched")))
        for row in told
    ] == [
        ("LISTED", "LISTED", "3", "2"),
        ("LISTED", "LISTED", "3", "2"),
        ("LISTED", "LISTED", "3", "2"),
        ("NOT_LISTED", "LISTED", "3", "2"),
        ("LISTED", "LISTED", "3", "1"),
        ("LISTED", "LISTED", "3", "1"),
        ("NOT_LISTED", "NOT_LISTED", "", ""),
        ("MALFORMED", "MALFORMED", "", ""),
        ("NOT_LISTED", "MALFORMED", "", ""),
        ("MALFORMED", "LISTED", "3", "1"),
        ("LISTED", "LISTED", "3", "1"),
        ("LISTED", "LISTED", "3", "1"),
        ("NOT_LISTED", "NOT_LISTED", "", ""),
        *crowd,
        ("NOT_LISTED", "NOT_LISTED", "", ""),
    ]
    assert [row["categories"] for row in told[:4]] == ["A2", "G2", "G2", ""]
    assert told[13]["note"] == "subject: 1 to 16 identifiers with their aliases"
    assert facts["states"] == {"LISTED": 7, "NOT_LISTED": 5, "MALFORMED": 19}
    assert facts["categories"] == {"A2": 2, "G2": 5}
    assert facts["subject_states"] == {"LISTED": 4, "NOT_LISTED": 3, "MALFORMED": 2}
    assert (facts["subjects"], facts["subjects_apart"]) == (8, 1)


def test_subjects_are_never_cut_in_two(
    hub: HubUnderTest, shared: Path, commands: Callable[[Path], Ask], tmp_path: Path
) -> None:
    """Frames as small as the burst still hold whole subjects, so that joint matches are found."""
    assert shared.exists()
    quota = Quota(rate_per_second=10**6, burst_count=5, day_count=10**6, month_count=10**6)
    ask = commands(enrolled(hub, "bank-small", query_quota=quota))
    rows = [
        row
        for number in range(20)
        for row in (
            asked_row("MSISDN", MOBILE, f"s{number}"),
            asked_row("DOMAIN", f"d{number}.example", f"s{number}"),
            asked_row("DOMAIN", SITE, f"s{number}"),
        )
    ]
    _, told = batch(ask, tmp_path, ("type", "value", "subject"), rows=rows)
    assert [row["row"] for row in told] == [str(number) for number in range(1, 61)]
    assert {row["subject_matched"] for row in told} == {"2"}
    assert [row["state"] for row in told] == ["LISTED", "NOT_LISTED", "LISTED"] * 20


def test_check_says_how_many_met(shared: Path, commands: Callable[[Path], Ask]) -> None:
    """Of several identifiers in one record a check says how many; ``--json`` may come last."""
    ask = commands(shared)
    words = ("--purpose", "ANTI_FRAUD", "--channel", "MOBILE")
    pairs = ("MSISDN", MOBILE, "DOMAIN", SITE)
    told = ask("check", *pairs, *words)
    facts = json.loads(ask("check", *pairs, *words, "--json"))
    (line,) = [line for line in told.splitlines() if line.startswith("tokens met in one record")]
    assert line.split()[-1] == str(facts["matched_count"]) == "2"


def test_dry_run_knows_what_the_hub_would_refuse(
    hub: HubUnderTest, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a hub in reach a dry run refuses by its taxonomy and agreement, and sends nothing."""
    good = listing("dry", "DOMAIN", "dry.example", category="G2")
    path = write(tmp_path / "rows.csv", COLUMNS, [good, good | {"expiry_date": "2099-01-01"}])
    words = ("--hub", hub.target, "--credentials", str(shared), "contribute", str(path))
    assert run([*words, "--dry-run"]) == 1
    assert "line 3: expiry_date: G2 holds" in capsys.readouterr().err
    write(path, COLUMNS, [good])
    assert run([*words, "--dry-run"]) == 0
    assert "not checked" not in capsys.readouterr().out


def test_dry_run_knows_the_suite_of_the_opening_epoch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who may not use the suite of the epoch that opens can add nothing, and learns it dry."""
    row = listing("dry", "DOMAIN", "dry.example", category="G2")
    path = write(tmp_path / "rows.csv", COLUMNS, [row])
    with running_hub(tmp_path / "home", SystemClock()) as hub:
        folder = enrolled(hub, "old-suite", suites=[Suite.HMAC_SHA256])
        words = ("--hub", hub.target, "--credentials", str(folder), "contribute", str(path))
        assert run([*words, "--dry-run"]) == 0
        open_epoch(hub, 2, Suite.HMAC_SM3)
        capsys.readouterr()
        assert run([*words, "--dry-run"]) == 1
        said = capsys.readouterr().err
        assert "epoch 2 are made with HMAC_SM3, and the agreement grants HMAC_SHA256" in said
        assert run(words) == 1
        assert "SCOPE_NOT_GRANTED" in capsys.readouterr().err


def test_batch_says_of_which_line_and_within_what(
    shared: Path, commands: Callable[[Path], Ask], tmp_path: Path
) -> None:
    """Every row names its line of the input and its reference; an answered one what it covers."""
    file, output = tmp_path / "asked.csv", tmp_path / "verdicts.csv"
    file.write_text(
        "type,value,business_ref\n\nDOMAIN,a.example,o-1\n\n\nCN_RID,1,o-2\nDOMAIN,b.example,\n"
    )
    ask = commands(shared)
    said = ask("batch", str(file), "-o", str(output), "--purpose", "ANTI_FRAUD", "--json")
    told = read(output)
    assert [(row["row"], row["line"], row["business_ref"]) for row in told] == [
        ("1", "3", "o-1"),
        ("2", "6", "o-2"),
        ("3", "7", ""),
    ]
    consulted = "+".join(json.loads(said)["coverage"])
    assert [row["consulted"] for row in told] == [consulted, "", consulted]
    assert "PEER_DOMESTIC" in told[0]["consulted_sources"].split("+")


def test_doubt_and_broken_lines_are_told(
    shared: Path, commands: Callable[[Path], Ask], tmp_path: Path
) -> None:
    """A suspect identifier says so beside NOT_LISTED; a broken line does not stop the others."""
    file, output = tmp_path / "asked.csv", tmp_path / "verdicts.csv"
    question = (str(file), "-o", str(output), "--purpose", "ANTI_FRAUD")
    lines = "CN_RID,130102209903070013\nDOMAIN\nDOMAIN,a.example\n"
    file.write_text(f"type,value\n{lines}")
    ask = commands(shared)
    ask("batch", *question)
    assert [(row["line"], row["state"]) for row in read(output)] == [
        ("2", "NOT_LISTED"),
        ("3", "MALFORMED"),
        ("4", "NOT_LISTED"),
    ]
    doubt, rule, nothing = (row["note"] for row in read(output))
    assert doubt.startswith("SUSPECT: ")
    assert (rule, nothing) == ("needs 2 cells", "")
    words = ("check", "CN_RID", "130102209903070013", "--purpose", "ANTI_FRAUD")
    said = ask(*words, "--channel", "MOBILE")
    assert doubt.removeprefix("SUSPECT: ") in said
    # Of which subject a broken line is, nobody knows.
    file.write_text("type,value,subject\nDOMAIN,a.example,s-1\nDOMAIN\n")
    ask("batch", *question, code=1)


def test_batch_without_subjects_is_as_before(
    shared: Path, commands: Callable[[Path], Ask], tmp_path: Path
) -> None:
    """A file without that column has no columns of subjects, and its summary counts categories."""
    rows = [asked_row("DOMAIN", SITE), asked_row("CN_RID", "1"), asked_row("DOMAIN", "a.example")]
    facts, told = batch(commands(shared), tmp_path, ("type", "value"), rows=rows)
    assert [row["state"] for row in told] == ["LISTED", "MALFORMED", "NOT_LISTED"]
    assert list(told[0]) == [
        "row",
        "line",
        "type",
        "state",
        "severity",
        "confidence",
        "categories",
        "expiry_date",
        "flags",
        "note",
        "business_ref",
        "consulted",
        "consulted_sources",
    ]
    assert (facts["rows"], facts["categories"]) == (3, {"G2": 1})
    assert "subjects" not in facts
