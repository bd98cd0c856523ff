"""Plays the demonstration: `make demo`.

One bank contributes the OFAC list as tokens, another looks it up. The hub first runs two days in
the past, so that a listing can be seen to expire without waiting for it.
"""

from __future__ import annotations

import csv
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from rich.table import Table

from examples.demo.stage import ROOT, CommandFailedError, Stage
from partner_sdk.sources.ofac import ALIAS_FILE, OfacList
from partner_sdk.sources.rows import COLUMNS
from rongan_share.clock import SystemClock
from rongan_share.wire.days import SHANGHAI

INTERRUPTED = 130
"""Exit code, as of every command here."""

REHEARSAL_DAYS = 2
SUBJECT_WIDTH = 31
SDN = ROOT / "examples" / "ofac" / "sdn.csv"
EXPIRING, WITHDRAWN = "pay-safe-centre.example", "wallet-check.example"
ABSENT_CARD, ABSENT_PHONE = "6222020402000000016", "13800138000"


@dataclass(frozen=True, slots=True)
class Question:
    """One line of the table: who is asked about, why, within which categories, and what to note."""

    kind: str
    value: str
    note: str
    purpose: str = "SANCTIONS"
    categories: str = ""


def main() -> int:
    """Plays everything in a temporary folder and leaves nothing behind."""
    # Told to end, it tidies up as it does on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="rongan-demo-"))
    stage = Stage(folder)
    try:
        play(stage)
    except CommandFailedError as error:
        stage.console.print(f"the demonstration stopped at {error}")
        return 1
    except KeyboardInterrupt:
        stage.console.print("the demonstration was interrupted")
        return INTERRUPTED
    finally:
        stage.stop_hub()
        shutil.rmtree(folder)
    return 0


def play(stage: Stage) -> None:
    """Plays the acts in order."""
    today = shanghai_date()
    open_hub(stage)
    stage.say("2. Two institutions join: two operators sign each agreement, nobody alone")
    for partner in ("bank-a", "bank-b"):
        join(stage, partner)
    stage.say("3. bank-a contributes the OFAC list and two sites of its own, as tokens")
    stage.partner("bank-a", "contribute", copy_of_list(stage), "--source", "ofac")
    day = (today - timedelta(days=1)).isoformat()
    stage.partner(
        "bank-a", "contribute", sites(stage, "sites.csv", (EXPIRING, day), (WITHDRAWN, ""))
    )
    show_verdicts(stage, own_sites())
    stage.say(f"4. {REHEARSAL_DAYS} days pass: the hub stops and starts on today's date")
    stage.stop_hub()
    wake_today(stage)
    stage.partner("bank-a", "contribute", withdrawal(stage))
    stage.say("5. bank-b asks")
    show_verdicts(stage, questions())
    stage.say("6. bank-b screens a file with every identifier of the list")
    stage.partner(
        "bank-b", "batch", every_identifier(stage), "-o", "verdicts.csv", "--purpose", "SANCTIONS"
    )
    stage.say("7. The hub accounts for it")
    stage.hub("status", operator="alice")
    stage.hub("audit", "tail", "-n", "5")
    stage.hub("audit", "verify")


def shanghai_date() -> date:
    """Returns today's date where the hub counts days."""
    return SystemClock().now().astimezone(SHANGHAI).date()


def open_hub(stage: Stage) -> None:
    """Makes a hub whose clock is set back, and starts it."""
    stage.say(f"1. A new hub, its clock set {REHEARSAL_DAYS} days back for the rehearsal")
    offset = str(-REHEARSAL_DAYS * 86_400)
    stage.hub(
        "init",
        "--trust-domain",
        "demo.example",
        "--address",
        "127.0.0.1:0",
        "--clock-offset",
        offset,
    )
    stage.start_hub()


def join(stage: Stage, partner: str) -> None:
    """Registers a partner, makes its key and certificate, and signs its agreement."""
    agreement = str(ROOT / "examples" / "demo" / f"{partner}.toml")
    stage.hub("partner", "add", partner, "--name", partner.title(), operator="alice")
    stage.hub("agreement", "propose", "-f", agreement, operator="alice")
    stage.hub("agreement", "approve", partner, "1", operator="bob")
    stage.partner(partner, "enroll", "--csr-only", partner, "--partner", partner)
    stage.hub(
        "cert", "issue", "--partner", partner, "--csr", f"{partner}/request.pem",
        "--out", f"{partner}/certificate.pem", "--roots-out", f"{partner}/roots.pem",
        operator="bob",
    )  # fmt: skip


def wake_today(stage: Stage) -> None:
    """Sets the hub's clock right again and starts it."""
    path = stage.home / "hub.toml"
    text = path.read_text(encoding="utf-8")
    offset = f"offset_seconds = {-REHEARSAL_DAYS * 86_400}"
    path.write_text(text.replace(offset, "offset_seconds = 0"), encoding="utf-8")
    stage.start_hub()


def copy_of_list(stage: Stage) -> str:
    """Copies the list and its aliases, because an upload keeps its state beside the file."""
    shutil.copy(SDN.with_name(ALIAS_FILE), stage.folder)
    shutil.copy(SDN, stage.folder)
    return SDN.name


def sites(stage: Stage, name: str, *listed: tuple[str, str], operation: str = "ADD") -> str:
    """Writes a contribution of phishing sites; no day means ten days from today."""
    later = shanghai_date() + timedelta(days=10)
    with (stage.folder / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for domain, last_day in listed:
            row = {
                "op": operation,
                "reference": domain,
                "type": "DOMAIN",
                "value": domain,
                "category": "G2",
            }
            if operation == "ADD":
                row |= {
                    "severity": "2",
                    "evidence": "VERIFIED",
                    "source_class": "PEER_DOMESTIC",
                    "legal_basis": "ANTI_TELECOM_FRAUD_LAW",
                    "expiry_date": last_day or later.isoformat(),
                }
            writer.writerow(row)
    return name


def withdrawal(stage: Stage) -> str:
    """Writes the file that takes one site back."""
    return sites(stage, "withdrawal.csv", (WITHDRAWN, ""), operation="WITHDRAW")


@cache
def listed_identifiers() -> tuple[tuple[str, str], ...]:
    """Reads what the list says, as (type, value)."""
    return tuple((row.type, row.value) for row in OfacList(SDN).rows())


def own_sites() -> list[Question]:
    """Returns the two sites of bank-a while both are still listed."""
    return [
        Question("DOMAIN", domain, "listed today", "ANTI_FRAUD") for domain in (EXPIRING, WITHDRAWN)
    ]


def questions() -> list[Question]:
    """Returns what bank-b asks: one of each kind that the list has, then the rest of the story."""
    first: dict[str, str] = {}
    for kind, value in listed_identifiers():
        first.setdefault(kind, value)
    listed = [Question(kind, value, "on the list") for kind, value in sorted(first.items())]
    return [
        *listed,
        Question("PAN", ABSENT_CARD, "never listed", "ANTI_FRAUD"),
        Question("MSISDN", ABSENT_PHONE, "never listed", "ANTI_FRAUD"),
        Question("DOMAIN", EXPIRING, "expired yesterday", "ANTI_FRAUD"),
        Question("DOMAIN", WITHDRAWN, "withdrawn just now", "ANTI_FRAUD"),
        Question("DOMAIN", EXPIRING, "E5 is not agreed", "SANCTIONS", "E5"),
    ]


def show_verdicts(stage: Stage, asked: Iterable[Question]) -> None:
    """Asks one by one and shows the answers as a table."""
    table = Table(
        "what it is", "subject", "verdict", "category", "severity", "consulted", "left today"
    )
    for column in table.columns:
        column.no_wrap = True
    for question in asked:
        within = ("--categories", question.categories) if question.categories else ()
        verdict = stage.ask(
            "bank-b", "check", question.kind, question.value,
            "--purpose", question.purpose, "--channel", "MOBILE", *within,
        )  # fmt: skip
        summary = verdict["summary"] or {}
        consulted = verdict["coverage"]["categories"]
        left = verdict["quota_left"]
        table.add_row(
            question.note,
            f"{question.kind} {question.value}"[:SUBJECT_WIDTH],
            verdict["state"],
            ",".join(summary["categories"]) if summary else "",
            str(summary["severity"]) if summary else "",
            ",".join(consulted) or "nothing",
            str(left["day"]) if left else "",
        )
    stage.console.print(table)


def every_identifier(stage: Stage) -> str:
    """Writes every identifier of the list into a file to be screened."""
    with (stage.folder / "customers.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("type", "value"))
        writer.writerows(listed_identifiers())
    return "customers.csv"


if __name__ == "__main__":
    sys.exit(main())
