"""What a hub would refuse is named beforehand, with line, column and limit; counts add up."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from partner_sdk.agreements import Agreement, Quota
from partner_sdk.cli.main import run
from partner_sdk.sources.csv_file import parse_rows, read_rows
from partner_sdk.sources.limits import RowLimits
from partner_sdk.sources.rows import ParsedRow, RowsRefusedError
from rongan_share.wire.taxonomy import packaged_taxonomy
from rongan_share.wire.vocabulary import DetailLevel, ProductLine, SourceClass
from tests.sdk.test_contributions import GOOD, HEADER

TODAY = date(2026, 11, 24)
CELLS = dict(zip(HEADER.split(","), GOOD.split(","), strict=True)) | {
    "type": "MSISDN",
    "value": "13800138000",
    "category": "A2",
    "severity": "",
    "evidence": "VERIFIED",
    "source_class": "PEER_DOMESTIC",
    "legal_basis": "ANTI_TELECOM_FRAUD_LAW",
    "event_date": "2026-11-20",
    "expiry_date": "2026-12-20",
}


def agreement(**changed: object) -> Agreement:
    """Makes an agreement that lets A2 and E4 be contributed."""
    quota = Quota(1, 1, 1, 1)
    fields: dict[str, object] = {
        "partner_id": "bank-a",
        "version": 1,
        "start_date": TODAY,
        "end_date": TODAY,
        "purposes": (),
        "channels": (),
        "product_lines": (ProductLine.CONTRIBUTE,),
        "categories": (),
        "source_classes": (),
        "detail_level": DetailLevel.CATEGORY,
        "identifier_types": None,
        "suites": (),
        "contributed_categories": ("A2", "E4", "G2"),
        "contributed_source_classes": (SourceClass.PEER_DOMESTIC,),
        "query_quota": quota,
        "contribution_quota": quota,
    }
    return Agreement(**fields | changed)  # type: ignore[arg-type]


def write(path: Path, *rows: dict[str, str]) -> Path:
    """Writes rows, each with these cells changed."""
    lines = [",".join((CELLS | row).values()) for row in rows]
    path.write_text("\n".join([",".join(CELLS), *lines]) + "\n", encoding="utf-8")
    return path


def parse(path: Path, terms: Agreement, *, names_consent: bool = False) -> list[ParsedRow]:
    """Parses a file under an agreement."""
    taxonomy = packaged_taxonomy()
    limits = RowLimits(taxonomy, lambda: terms, TODAY, names_consent=names_consent)
    return list(parse_rows(read_rows(path), taxonomy, today=TODAY, limits=limits))


@pytest.mark.parametrize(
    ("changed", "column", "rule"),
    [
        ({"category": "W1"}, "category", "may not be shared"),
        ({"category": "B1"}, "category", "contribute A2 E4 G2"),
        ({"source_class": "POLICE"}, "source_class", "speak for PEER_DOMESTIC"),
        ({"type": "IMO", "value": "9074729"}, "type", "A2 is said of"),
        (
            {"category": "G2", "severity": "4", "type": "DOMAIN", "value": "a.example"},
            "severity",
            "G2 has 1 to",
        ),
        ({"evidence": "LEAD"}, "evidence", "A2 needs "),
        ({"legal_basis": "CONSENT"}, "legal_basis", "--legal-basis-ref"),
        ({"event_date": "2026-11-25"}, "event_date", "not after today, 2026-11-24"),
        ({"expiry_date": ""}, "expiry_date", "A2 must have one"),
        ({"expiry_date": "2026-11-23"}, "expiry_date", "not before today"),
        ({"expiry_date": "2099-01-01"}, "expiry_date", "days at most, today until 20"),
    ],
)
def test_limit_is_named(tmp_path: Path, changed: dict[str, str], column: str, rule: str) -> None:
    """A row beyond a limit is refused by line and column, and the limit is said."""
    path = write(tmp_path / "rows.csv", {}, changed, {})
    with pytest.raises(RowsRefusedError) as caught:
        parse(path, agreement())
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (3, column)
    assert rule in problem.rule


def test_cap_is_exact(tmp_path: Path) -> None:
    """The last day of the cap passes and the next does not; so does today."""
    category = packaged_taxonomy().by_code("A2")
    last = TODAY + timedelta(days=category.expiry_cap_days)
    path = tmp_path / "rows.csv"
    for day, fits in ((TODAY, True), (last, True), (last + timedelta(days=1), False)):
        write(path, {"expiry_date": day.isoformat()})
        if fits:
            assert len(parse(path, agreement())) == 1
        else:
            with pytest.raises(RowsRefusedError):
                parse(path, agreement())


def test_agreement_without_contributions(tmp_path: Path) -> None:
    """Without the product line no row passes; WITHDRAW does not even ask for the agreement."""
    path = write(tmp_path / "rows.csv", {})
    with pytest.raises(RowsRefusedError) as caught:
        parse(path, agreement(product_lines=(ProductLine.SCREEN,)))
    assert "CONTRIBUTE" in caught.value.problems[0].rule
    write(path, {"op": "WITHDRAW"})
    limits = RowLimits(packaged_taxonomy(), pytest.fail, TODAY)
    assert len(list(parse_rows(read_rows(path), packaged_taxonomy(), limits=limits))) == 1


def test_consent_that_is_named(tmp_path: Path) -> None:
    """CONSENT passes with its reference."""
    path = write(tmp_path / "rows.csv", {"legal_basis": "CONSENT"})
    assert len(parse(path, agreement(), names_consent=True)) == 1


def test_counts_add_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run tells records, rows by type, repeated ones, aliases and what is not checked."""
    org = {"type": "ORG_NAME", "value": "某某贸易有限公司", "reference": "b"}
    path = write(tmp_path / "rows.csv", {}, {}, org)
    assert run(["contribute", str(path), "--dry-run", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["rows_by_type"] == {"MSISDN": 2, "ORG_NAME": 1}
    assert (facts["records"], facts["rows_read"], facts["duplicates"]) == (3, 3, 1)
    assert facts["rows"] == facts["rows_read"] - facts["duplicates"] + facts["aliases_added"]
    assert run(["contribute", str(path), "--dry-run"]) == 0
    said = capsys.readouterr().out
    for expected in ("records read", "2 MSISDN", "less repeated ones", "not checked, no hub"):
        assert expected in said
