"""From a CSV file to frames: what is read, what is refused, and how it is said."""

from __future__ import annotations

import struct
from datetime import date
from pathlib import Path

import pytest

from partner_sdk.agreements import read_taxonomy
from partner_sdk.contributions import RowFrame, frames_of_rows
from partner_sdk.sources.csv_file import SHOWN_PROBLEMS, parse_rows, read_rows
from partner_sdk.sources.rows import ParsedRow, Row, RowProblem, RowsRefusedError, parse_row
from rongan_share.wire.days import day_of_date
from rongan_share.wire.frames import CONTRIBUTE_COLUMNS
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.sources import original_source, reference_from_text
from rongan_share.wire.taxonomy import packaged_taxonomy
from rongan_share.wire.tokens import Tokenizer
from rongan_share.wire.vocabulary import RowFlag, RowOperation, Suite
from tests.sdk.doubles import E4_BIT, KEY, taxonomy

HEADER = (
    "op,reference,type,value,category,severity,evidence,source_class,original_source,"
    "legal_basis,event_date,expiry_date,flags"
)
GOOD = (
    "ADD,case 1,CN_RID,11010519491231002X,E4,4,VERIFIED,POLICE,OFAC-SDN|36,AML_LAW,"
    "2026-01-02,2027-01-02,ORDER"
)
TAXONOMY = read_taxonomy(taxonomy())
TOKENIZER = Tokenizer(Suite.HMAC_SHA256, KEY)


def parse(folder: Path, *lines: str, header: str = HEADER) -> list[ParsedRow]:
    """Writes a file and parses it."""
    path = folder / "listings.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return list(parse_rows(read_rows(path), TAXONOMY))


def problems(folder: Path, *lines: str, header: str = HEADER) -> tuple[RowProblem, ...]:
    """Parses a file that is refused and gives the problems."""
    with pytest.raises(RowsRefusedError) as caught:
        parse(folder, *lines, header=header)
    return caught.value.problems


def changed(column: str, text: str) -> str:
    """Gives the good row with one cell changed."""
    cells = dict(zip(HEADER.split(","), GOOD.split(","), strict=True))
    return ",".join((cells | {column: text}).values())


def test_row_fills_the_columns(tmp_path: Path) -> None:
    """Each cell stands in its column of the wire, as the protos say."""
    (frame,) = frames_of_rows(parse(tmp_path, GOOD))
    message = frame.encode(7, TOKENIZER.token)
    assert message.frame_number == 7
    assert message.operation == b"\1"
    assert message.reference == reference_from_text("case 1")
    assert message.type == b"\1"
    assert message.token.hex() == "c724649f7f701227069a6cc4d036cd07"
    assert message.flags == bytes([RowFlag.ORDER])
    assert message.category == bytes([E4_BIT])
    assert (message.severity, message.evidence) == (b"\4", b"\3")
    assert (message.source_class, message.legal_basis) == (b"\6", b"\4")
    assert message.original_source == struct.pack("<Q", original_source("OFAC-SDN", "36"))
    assert message.event_day == struct.pack("<H", 20_455)
    assert message.expiry_day == struct.pack("<H", 20_820)
    for name, width in CONTRIBUTE_COLUMNS:
        assert len(getattr(message, name)) == (0 if name == "next_token" else width)


def test_byte_order_mark_blanks_and_empty_lines(tmp_path: Path) -> None:
    """A file from a spreadsheet reads like one from a program."""
    plain = parse(tmp_path, GOOD)
    marked = parse(tmp_path, "", GOOD.replace(",", " , "), "", header="\ufeff" + HEADER)
    assert [row.canonical for row in marked] == [row.canonical for row in plain]


def test_short_header_takes_defaults(tmp_path: Path) -> None:
    """Columns left out take defaults: ADD, the category's severity, no dates."""
    (row,) = parse(
        tmp_path,
        "case 1,DOMAIN,example.com,E4,VERIFIED,COURT,PUBLIC_RECORD",
        header="reference,type,value,category,evidence,source_class,legal_basis",
    )
    assert row.operation is RowOperation.ADD
    assert (row.severity, row.event_day, row.expiry_day, row.flags) == (3, 0, 0, 0)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("op", "REMOVE"),
        ("op", "RETOKEN"),
        ("reference", ""),
        ("type", "CARD"),
        ("value", "110105194912310021"),
        ("value", ""),
        ("category", "Z9"),
        ("category", ""),
        ("severity", "5"),
        ("severity", "high"),
        ("evidence", ""),
        ("evidence", "4"),
        ("source_class", "PRESS"),
        ("original_source", "OFAC"),
        ("original_source", "|36"),
        ("legal_basis", "NONE"),
        ("event_date", "2026-02-30"),
        ("event_date", "1969-12-31"),
        ("expiry_date", "2150-01-01"),
        ("expiry_date", "tomorrow"),
        ("flags", "SECRET"),
    ],
)
def test_bad_cell_is_named(tmp_path: Path, column: str, text: str) -> None:
    """A bad cell is named by line, column and rule; its value is not repeated."""
    (problem,) = problems(tmp_path, GOOD, changed(column, text))
    assert (problem.line, problem.column) == (3, column)
    assert len(text) < 6 or text not in problem.rule


def test_all_problems_are_counted_and_the_first_are_named(tmp_path: Path) -> None:
    """One run names twenty problems and counts the rest."""
    bad = changed("severity", "9")
    with pytest.raises(RowsRefusedError) as caught:
        parse(tmp_path, *[bad, GOOD] * 30)
    assert caught.value.total == 30
    assert len(caught.value.problems) == SHOWN_PROBLEMS
    assert [problem.line for problem in caught.value.problems[:3]] == [2, 4, 6]


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("reference,type,value", GOOD),
        (HEADER + ",note", GOOD + ",x"),
        (HEADER + ",flags", GOOD + ",WEAK"),
        (GOOD, GOOD),
        (HEADER, GOOD + ",x"),
        (HEADER, "x"),
        (HEADER, 'ADD,"case'),
    ],
)
def test_file_of_another_form_is_refused(tmp_path: Path, header: str, line: str) -> None:
    """Header, number of cells and quotes must fit; nothing of the file is repeated."""
    (problem,) = problems(tmp_path, line, header=header)
    assert "11010519491231002X" not in problem.rule


def test_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """A file in another encoding is refused, not read as other names."""
    path = tmp_path / "listings.csv"
    path.write_bytes(f"{HEADER}\n{GOOD}\n".encode() + "中".encode("gb18030"))
    with pytest.raises(RowsRefusedError) as caught:
        list(read_rows(path))
    assert caught.value.problems[0].rule.startswith("not UTF-8, it seems GBK")


def test_withdraw_needs_reference_and_category_only(tmp_path: Path) -> None:
    """WITHDRAW without a value names every listing of the record; its other columns are zero."""
    rows = parse(tmp_path, "WITHDRAW,case 1,,,E4,,,,,,,,", changed("op", "WITHDRAW"))
    (frame,) = frames_of_rows(rows)
    message = frame.encode(1, TOKENIZER.token)
    assert message.token[:16] == bytes(16)
    assert message.token[16:] != bytes(16)
    zeros = ("severity", "evidence", "source_class", "legal_basis", "flags")
    assert all(getattr(message, name) == bytes(2) for name in zeros)
    assert message.expiry_day == bytes(4)


def test_suspect_identifier_is_flagged(tmp_path: Path) -> None:
    """A number that is well-formed and doubtful is kept with the flag SUSPECT."""
    (row,) = parse(tmp_path, changed("value", "440524188001010014"))
    assert row.canonical is not None
    assert row.canonical.remarks
    assert row.flags == RowFlag.SUSPECT | RowFlag.ORDER


def name_row(name: str, reference: str = "case 1") -> str:
    """Gives a row about an organisation."""
    return f'ADD,{reference},ORG_NAME,"{name}",E4,3,VERIFIED,COURT,,PUBLIC_RECORD,,,'


def texts(frame: RowFrame) -> list[tuple[str, bool]]:
    """Gives the canonical text of each row of a frame, and whether it is an alias."""
    return [
        (row.canonical.text.removeprefix("rs1|ORG_NAME|"), bool(row.flags & RowFlag.ALIAS))
        for row in frame.rows
        if row.canonical
    ]


def test_alias_follows_its_record_once(tmp_path: Path) -> None:
    """Names without their legal form come after the record's names, each once, none twice."""
    names = ["ACME CO., LTD.", "ACME LIMITED", "ACME CO., LTD."]
    (frame,) = frames_of_rows(parse(tmp_path, *map(name_row, names)))
    assert texts(frame) == [
        ("ACME CO., LTD.", False),
        ("ACME LIMITED", False),
        ("ACME CO LTD", True),
        ("ACME", True),
    ]
    (frame,) = frames_of_rows(parse(tmp_path, name_row("ACME LTD"), name_row("ACME")))
    assert texts(frame) == [("ACME LTD", False), ("ACME", False)]


def test_frames_are_the_same_every_time(tmp_path: Path) -> None:
    """The same rows with the same frame size give the same frames, whole but for the last."""
    lines = [name_row(f"FIRM {number} LTD", f"case {number}") for number in range(25)]
    rows = parse(tmp_path, *lines)
    first, again = (list(frames_of_rows(rows, frame_rows=8)) for _ in range(2))
    assert first == again
    assert [len(frame.rows) for frame in first] == [8, 8, 8, 8, 8, 8, 2]


@pytest.mark.parametrize("frame_rows", [0, 16_385])
def test_frame_size_is_bounded(frame_rows: int) -> None:
    """A frame holds 1 to 16,384 rows."""
    with pytest.raises(MalformedError):
        next(frames_of_rows([], frame_rows=frame_rows))


def test_row_shows_no_value(tmp_path: Path) -> None:
    """Neither rows nor frames show the identifier that they carry."""
    path = tmp_path / "listings.csv"
    path.write_text(f"{HEADER}\n{GOOD}\n", encoding="utf-8")
    rows = list(read_rows(path))
    shown = repr(rows) + repr(list(frames_of_rows(parse_rows(rows, TAXONOMY))))
    assert "11010519491231002X" not in shown


def test_dates_are_days_of_the_wire(tmp_path: Path) -> None:
    """A date is the day that the wire counts for it."""
    (row,) = parse(tmp_path, GOOD)
    assert row.event_day == day_of_date(date(2026, 1, 2))


def flags_of(category: str, type_name: str, value: str) -> dict[str, RowFlag]:
    """Gives the flags of each identifier that a row about one becomes, by its canonical string."""
    row = Row(
        line=1,
        reference="case 1",
        type=type_name,
        value=value,
        category=category,
        evidence="VERIFIED",
        source_class="PEER_DOMESTIC",
        legal_basis="AML_LAW",
    )
    (frame,) = frames_of_rows([parse_row(row, packaged_taxonomy())])
    return {row.canonical.text: row.flags for row in frame.rows if row.canonical}


@pytest.mark.parametrize(
    ("category", "type_name", "value", "expected"),
    [
        ("E4", "PERSON_NAME", "張三", {"張三": "WEAK", "张三": "WEAK+ALIAS"}),
        (
            *("E4", "NAME_ID", "張三|11010519491231002X"),
            {"張三|11010519491231002X": "", "张三|11010519491231002X": "WEAK+ALIAS"},
        ),
        ("A1", "ACCT", "102100099996|123456", {"102100099996|123456": "", "123456": "WEAK+ALIAS"}),
        ("E4", "ORG_NAME", "ACME LTD", {"ACME LTD": "", "ACME": "WEAK+ALIAS"}),
        ("E4", "ORG_NAME", "ACME BANK LTD", {"ACME BANK LTD": "", "ACME BANK": "ALIAS"}),
    ],
)
def test_aliases_carry_their_flags(
    category: str, type_name: str, value: str, expected: dict[str, str]
) -> None:
    """An alias is flagged as one, and WEAK where it is; a person's name alone always is."""
    made = flags_of(category, type_name, value)
    assert {
        text.removeprefix(f"rs1|{type_name}|"): "+".join(
            str(flag.name) for flag in RowFlag if flag in flags
        )
        for text, flags in made.items()
    } == expected


@pytest.mark.parametrize(("category", "expected"), [("A2", ["URL", "IP"]), ("G2", ["URL"])])
def test_alias_is_left_out_where_its_category_lacks_the_type(
    category: str, expected: list[str]
) -> None:
    """The hub refuses a row of a type that the category is not said of, so none is made."""
    made = flags_of(category, "URL", "http://8.8.8.8/login")
    assert [text.split("|")[1] for text in made] == expected


def test_doubt_of_an_alias_alone_is_told() -> None:
    """An alias that is suspect where its origin is not carries SUSPECT itself."""
    flags = flags_of("E4", "CN_USCC", "91110000600037342P")
    assert flags["rs1|CN_USCC|91110000600037342P"] == RowFlag(0)
    assert flags["rs1|CN_ORG|600037342"] == RowFlag.ALIAS | RowFlag.SUSPECT
