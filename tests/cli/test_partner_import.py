from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from partner_sdk import Credentials, make_key_and_request
from rongan_share.cli.commands import run
from rongan_share.clock import SystemClock
from tests.cli.hub_process import AGREEMENT, PROGRAM, ROOT, Done, clean_environment
from tests.support.hub import HubUnderTest, running_hub

COLUMNS = "partner,kind,name,english_name,credit_code,region,contact,agreement"
CODES = ("91130000MA0000001W", "91130100MA00000025")


class Console:
    """The command line in this process, on a hub in this process too."""

    def __init__(self, served: HubUnderTest, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self.address = served.home, served.target
        self._capsys = capsys

    def run(self, *words: str, operator: str = "alice", address: str = "") -> Done:
        """Runs a command in an operator's name."""
        who = ("--home", str(self.home), "--as", operator, "--hub", address or self.address)
        self._capsys.readouterr()
        code = run([*who, *words])
        return Done(code, *self._capsys.readouterr())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    """One hub for all tests of this file; each uses partners of its own."""
    with running_hub(tmp_path_factory.mktemp("hub") / "home", SystemClock()) as running:
        yield running


@pytest.fixture
def hub(
    served: HubUnderTest, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Console:
    """Its command line, in English, with nobody to answer questions."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return Console(served, capsys)


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """A folder with the agreement `plain`."""
    folder = tmp_path / "agreements"
    folder.mkdir()
    text = AGREEMENT.partition("\n")[2]
    (folder / "plain.toml").write_text(text, encoding="utf-8")
    return folder


def write(path: Path, *rows: str, header: str = COLUMNS, encoding: str = "utf-8") -> Path:
    """Writes a file of partners."""
    path.write_bytes("\n".join((header, *rows, "")).encode(encoding))
    return path


def many(path: Path, prefix: str, count: int, *, template: str = "plain") -> Path:
    """Writes a file of that many partners."""
    rows = [f"{prefix}-{n},enterprise,企业{n},,,,,{template}" for n in range(count)]
    return write(path, *rows)


def problems(hub: Console, *words: object) -> list[tuple[int, str, str]]:
    """Runs an import that must be refused; returns line, column and rule of each problem."""
    done = hub.run("--json", "partner", "import", *map(str, words))
    assert (done.code, done.out) == (1, "")
    found = json.loads(done.err)["error"]["problems"]
    return [(each["line"], each["column"], each["rule"]) for each in found]


def partners(hub: Console, prefix: str) -> list[dict]:
    """Lists partners whose id begins so."""
    listed = hub.run("--json", "partner", "list").facts["partners"]
    return [each for each in listed if each["partner"].startswith(prefix)]


def counts(facts: dict) -> tuple[int, int, int, int]:
    """Picks partners, agreements, certificates, and rows that were done before."""
    keys = ("partners_added", "agreements_proposed", "certificates_registered", "rows_done_before")
    a, b, c, d = (facts[key] for key in keys)
    return a, b, c, d


def test_file_becomes_partners(hub: Console, tmp_path: Path, templates: Path) -> None:
    """Rows are registered as written, full-width digits as digits, and again does nothing."""
    wide = CODES[0].translate({ord("0") + n: ord("０") + n for n in range(10)}).lower()
    rows = (
        f"im-a,银行,某某银行（股份）,Some Bank,{wide},１30100,合规部,plain",
        f"im-b,enterprise,Firm,,{CODES[1]},,,",
    )
    file = write(tmp_path / "p.csv", *rows, encoding="utf-8-sig")
    words = ("--json", "partner", "import", str(file), "--agreements", str(templates))
    dry = hub.run(*words, "--dry-run").facts
    assert (counts(dry), dry["dry_run"], partners(hub, "im-")) == ((2, 1, 0, 0), True, [])
    assert counts(hub.run(*words).facts) == (2, 1, 0, 0)
    first, second = partners(hub, "im-")
    assert (first["name"], first["kind"], first["region"]) == ("某某银行（股份）", "BANK", "130100")
    assert (first["credit_code"], second["credit_code"]) == CODES
    assert (first["newest_agreement_version"], second["newest_agreement_version"]) == (1, 0)
    assert counts(hub.run(*words).facts) == (0, 0, 0, 2)


def test_gbk_is_read_when_said(hub: Console, tmp_path: Path) -> None:
    """A file in GBK is refused with advice unless its encoding is named."""
    file = write(tmp_path / "p.csv", "gb-a,bank,河北某某商业银行,,,,,", encoding="gb18030")
    ((line, _, rule),) = problems(hub, file)
    assert line == 2
    assert "--encoding gbk" in rule
    assert "mapping" not in rule
    assert hub.run("partner", "import", str(file), "--encoding", "gbk").code == 0
    assert [each["name"] for each in partners(hub, "gb-")] == ["河北某某商业银行"]


def test_every_problem_is_named(hub: Console, tmp_path: Path) -> None:
    """Each bad row is told with column and rule, in one run, and nothing is done for good ones."""
    code = CODES[0][:-1]
    file = write(
        tmp_path / "p.csv",
        "ev-good,bank,Good,,,,,",
        "Ev_bad,shop,,,,,,",
        f"ev-code,bank,N,,{code}X,013010,,",
        "ev-twice,bank,N,,911302000000000014,,,",
        "ev-twice,bank,N,,911302000000000014,,,",
        "ev-cells,bank",
        "ev-long,bank,N," + "e" * 201 + ",,,,",
    )
    text = "1 to 200 printable characters"
    assert problems(hub, file) == [
        (3, "partner", "1 to 64 of a-z, 0-9 and hyphen, no hyphen at either end"),
        (3, "kind", "bank or enterprise (银行 or 企业)"),
        (3, "name", text),
        (4, "credit_code", "the check character is wrong"),
        (4, "region", "6 digits, the first not 0"),
        (6, "partner", "stands in line 5 already"),
        (6, "credit_code", "stands in line 5 already"),
        (7, "", "needs 8 cells"),
        (8, "english_name", text),
    ]
    assert partners(hub, "ev-") == []


def test_no_problem_hides_another(hub: Console, tmp_path: Path, templates: Path) -> None:
    """Not a template that is missing or unfit, nor a line break; a folder left out is told once."""
    (templates / "unfit.toml").write_text("channels = 1", encoding="utf-8")
    file = write(
        tmp_path / "p.csv",
        "nh-a,bank,A,,,,,none",
        'nh-b,bank,"B\nB",,,,,',
        "nh-c,shop,C,,,,,absent",
        "nh-d,bank,D,,,,,unfit",
        "nh-e,bank,E,,,,,unfit",
        "nh-f,bank,F,,,013010,,plain",
    )
    told = problems(hub, file, "--agreements", templates)
    assert [(line, column) for line, column, _ in told] == [
        (2, "agreement"),
        (3, ""),
        (5, "kind"),
        (5, "agreement"),
        (6, "agreement"),
        (8, "region"),
    ]
    assert told[4][2].startswith("unfit.toml: ")
    told = problems(hub, file)
    assert [(line, column) for line, column, _ in told] == [
        (2, "agreement"),
        (3, ""),
        (5, "kind"),
        (8, "region"),
    ]


def test_header_and_templates(hub: Console, tmp_path: Path, templates: Path) -> None:
    """An unknown or missing column and an unfit or missing template are told."""
    stray = write(tmp_path / "a.csv", header="partner,kind,name,phone")
    assert problems(hub, stray)[0][0] == 1
    assert problems(hub, write(tmp_path / "b.csv", header="partner,name"))[0][1] == "kind"
    file = many(tmp_path / "c.csv", "te", 1, template="none")
    rule = "no such file in --agreements"
    assert problems(hub, file, "--agreements", templates) == [(2, "agreement", rule)]
    (templates / "none.toml").write_text(AGREEMENT.format(partner="te-0"), encoding="utf-8")
    done = hub.run("partner", "import", str(file), "--agreements", str(templates))
    assert done.code == 1
    assert "none.toml: partner: a template names none" in done.err
    ended = AGREEMENT.partition("\n")[2].replace("2099", "2019")
    (templates / "none.toml").write_text(ended, encoding="utf-8")
    done = hub.run("partner", "import", str(file), "--agreements", str(templates))
    assert "agreement.end_day" in done.err
    absent = hub.run("partner", "import", str(file), "--agreements", str(tmp_path / "absent"))
    assert absent.code == 2
    assert partners(hub, "te-") == []


def test_what_differs_from_the_hub_is_refused(
    hub: Console, tmp_path: Path, templates: Path
) -> None:
    """What is there under an id is never changed, nor its agreement, nor another's code taken."""
    file = write(tmp_path / "p.csv", "df-a,bank,One,,91130181MA000000A8,,,plain")
    words = (file, "--agreements", templates)
    assert hub.run("partner", "import", *map(str, words)).code == 0
    write(
        file,
        "df-a,enterprise,Two,,91130181MA000000A8,,,",
        "df-b,bank,B,,91130181MA000000A8,,,",
    )
    differs = "differs from what the hub has"
    assert problems(hub, file) == [
        (2, "kind", differs),
        (2, "name", differs),
        (3, "credit_code", "stands in line 2 already"),
    ]
    write(file, "df-b,bank,B,,91130181MA000000A8,,,")
    assert problems(hub, file) == [(2, "credit_code", "another partner of the hub has it")]
    plain = templates / "plain.toml"
    plain.write_text(plain.read_text().replace("CATEGORY", "VERDICT"), encoding="utf-8")
    write(file, "df-a,bank,One,,91130181MA000000A8,,,plain")
    rule = "differs from version 1 that the hub has"
    assert problems(hub, *words) == [(2, "agreement", rule)]


def test_interrupted_import_goes_on(hub: Console, tmp_path: Path, templates: Path) -> None:
    """Killed anywhere, the same command does exactly what is left, certificates too."""
    count, folder = 40, tmp_path / "credentials"
    file = many(tmp_path / "p.csv", "kill", count)
    for number in range(count):
        make_key_and_request(folder / f"kill-{number}", f"kill-{number}")
    words = ["partner", "import", str(file)]
    words += ["--agreements", str(templates), "--credentials", str(folder)]
    with subprocess.Popen(
        [*PROGRAM, "--home", str(hub.home), "--as", "alice", "--hub", hub.address, *words],
        cwd=ROOT,
        env=clean_environment("C.UTF-8"),
    ) as process:
        while not (folder / "kill-7" / "certificate.pem").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    added, proposed, certified, before = counts(hub.run("--json", *words).facts)
    assert before >= 7
    assert certified == count - before
    assert certified - 1 <= added <= proposed <= certified
    found = partners(hub, "kill-")
    assert [len(each["certificate_serials"]) for each in found] == [1] * count
    assert {each["newest_agreement_version"] for each in found} == {1}
    identity = Credentials.from_directory(folder / "kill-3").identity
    assert identity == "spiffe://rongan.test/partner/kill-3"
    assert counts(hub.run("--json", *words).facts) == (0, 0, 0, count)


def test_folder_without_a_fit_request(hub: Console, tmp_path: Path) -> None:
    """A request that is missing or none, and a certificate of somebody else, are told by row."""
    file, folder = many(tmp_path / "p.csv", "cr", 3, template=""), tmp_path / "credentials"
    for name in ("cr-1", "cr-2", "other"):
        (folder / name).mkdir(parents=True)
    (folder / "cr-1" / "request.pem").write_text("none", encoding="utf-8")
    operator = hub.home / "operators" / "alice" / "certificate.pem"
    (folder / "cr-2" / "certificate.pem").write_bytes(operator.read_bytes())
    assert problems(hub, file, "--credentials", folder) == [
        (2, "partner", "its folder has neither request.pem nor certificate.pem"),
        (3, "partner", "request.pem: the request is not exactly one PEM certificate request"),
        (4, "partner", "certificate.pem names somebody else"),
    ]
    assert partners(hub, "cr-") == []


def test_revoked_certificate_is_told_before_anything_is_done(hub: Console, tmp_path: Path) -> None:
    """Not by the hub, half-way, once the rows before it are registered; another takes its place."""
    folder = tmp_path / "credentials"
    for number in range(2):
        make_key_and_request(folder / f"rev-{number}", f"rev-{number}")
    words = ("--credentials", str(folder))
    last = write(tmp_path / "last.csv", "rev-1,enterprise,企业1,,,,,")
    assert hub.run("partner", "import", str(last), *words).code == 0
    serial = partners(hub, "rev-1")[0]["certificate_serials"][0]
    assert hub.run("cert", "revoke", serial, "--reason", "lost").code == 0
    file = many(tmp_path / "p.csv", "rev", 2, template="")
    assert problems(hub, file, *words) == [(3, "partner", "certificate.pem was revoked")]
    assert [each["revoked_serials"] for each in partners(hub, "rev-")] == [[serial]]
    (folder / "rev-1" / "certificate.pem").unlink()
    assert hub.run("partner", "import", str(file), *words).code == 0
    found = partners(hub, "rev-")
    assert [len(each["certificate_serials"]) for each in found] == [1, 1]


def test_proposals_are_approved_together(
    tmp_path: Path, templates: Path, hub: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checker sees every proposal, is asked, and approves what others proposed."""
    file = many(tmp_path / "p.csv", "ap", 3)
    assert hub.run("partner", "import", str(file), "--agreements", str(templates)).code == 0
    approve = ("agreement", "approve", "--all-proposed")
    own = hub.run("--json", *approve, "--yes").facts
    assert (own["agreements_approved"], own["own_proposals"]) == (0, own["own_proposals"])
    assert own["own_proposals"] >= 3
    asked = hub.run(*approve, operator="bob")
    assert asked.code == 130
    assert 'detail_level = "CATEGORY"' in asked.out
    assert "ap-2  1  proposed by alice  企业2" in asked.out
    assert {each["agreement_version"] for each in partners(hub, "ap-")} == {0}
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    refused = hub.run(*approve, operator="bob")
    assert (refused.code, "nothing was approved" in refused.err) == (1, True)
    assert hub.run("--json", *approve, operator="bob").code == 2
    assert hub.run(*approve, "ap-0", "1", operator="bob").code == 2
    told = hub.run("--json", *approve, "--yes", operator="bob").facts
    assert {"partner": "ap-2", "version": 1} in told["approved"]
    assert {each["agreement_version"] for each in partners(hub, "ap-")} == {1}


def test_unreachable_hub_and_chinese(
    hub: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub that is not there is no refusal; problems are told in Chinese where that is spoken."""
    file = many(tmp_path / "p.csv", "un", 1, template="")
    assert hub.run("partner", "import", str(file), address="127.0.0.1:1").code == 3
    file = write(tmp_path / "p.csv", "un,bank,,,,,,")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    told = hub.run("partner", "import", str(file)).err
    assert "1 处不合规则，未执行任何操作" in told
    assert "第 2 行：name" in told


def test_csv_of_the_example_is_read(tmp_path: Path) -> None:
    """The columns that are documented are those of the generator."""
    from examples.partners.make_partners import make_partners, write_partners  # noqa: PLC0415

    write_partners(tmp_path / "p.csv", make_partners()[:3])
    with (tmp_path / "p.csv").open(encoding="utf-8", newline="") as file:
        assert next(csv.reader(file)) == COLUMNS.split(",")
