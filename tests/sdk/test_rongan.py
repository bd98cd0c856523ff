"""The command ``rongan`` without a hub: help, usage, exit codes, files, terminals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from partner_sdk.cli import upload_state
from partner_sdk.cli.contribute import Source
from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.cli.main import run
from partner_sdk.cli.whole_file import whole_file
from tests.sdk import test_credentials as credentials
from tests.sdk.test_contributions import GOOD, HEADER, changed

ROOT = Path(__file__).parents[2]
QUESTION = ("--purpose", "SANCTIONS", "--channel", "MOBILE")
COMMANDS = ("enroll", "check", "contribute", "batch", "listing", "listing list", "usage")
PROGRAM = "from partner_sdk.cli.main import main; main()"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes away what the environment says of hub and language."""
    for name in ("RONGAN_HUB", "RONGAN_CREDENTIALS", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)


def start(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command as a program, with this environment and no more."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.fixture(name="listings")
def listings_file(tmp_path: Path) -> Path:
    """Writes a file of one listing."""
    path = tmp_path / "listings.csv"
    path.write_text(f"{HEADER}\n{GOOD}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """The help of each command ends with an example of itself."""
    assert run([*command.split(), "--help"]) == 0
    assert f"Example:\n    rongan {command}" in " ".join(capsys.readouterr().out.split(" "))


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["recall"],
        ["check", "--shout"],
        ["check", *QUESTION],
        ["check", "DOMAIN", *QUESTION],
        ["check", "CARD", "1", *QUESTION],
        ["check", "CN_RID", "110105194912310021", *QUESTION],
        ["check", "DOMAIN", "a.example", "--channel", "MOBILE"],
        ["check", "DOMAIN", "a.example", *QUESTION],
        ["--hub", "localhost", "check", "DOMAIN", "a.example", *QUESTION],
        ["--hub", "localhost:1", "check", "DOMAIN", "a.example", *QUESTION],
        ["--hub", "localhost:1", "--credentials", "no-such", "check", "DOMAIN", "a.b", *QUESTION],
        ["contribute", "no-such.csv", "--dry-run"],
        ["contribute", "no-such.csv", "--frame-rows", "0"],
        ["contribute", "no-such.csv", "--severity", "3"],
        ["contribute", "no-such.csv", "--alt", "alt.csv"],
        ["listing"],
        ["listing", "add"],
        ["listing", "list", "--severity", "3"],
        ["listing", "list", "--json"],
        ["usage", "today"],
        ["usage"],
        ["enroll", "somewhere", "--partner", "bank-a"],
        *(
            ["enroll", "--csr-only", "somewhere", "--partner", partner]
            for partner in ("../x", "a b", "银行", "", "A", "a" * 65)
        ),
    ],
    ids=" ".join,
)
def test_wrong_usage(
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A command called wrongly exits with 2 and a sentence, and repeats no identifier."""
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    said = capsys.readouterr().err
    assert said
    assert "Traceback" not in said
    assert "110105194912310021" not in said
    assert list(tmp_path.iterdir()) == []


def test_enroll_makes_key_and_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Enrolling makes key and request once; a second time is refused with 1."""
    arguments = ["--json", "enroll", "--csr-only", str(tmp_path / "new"), "--partner", "bank-a"]
    assert run(arguments) == 0
    facts = json.loads(capsys.readouterr().out)
    assert Path(facts["key"]).exists()
    assert Path(facts["request"]).exists()
    assert run(arguments) == 1
    assert json.loads(capsys.readouterr().err)["error"]["exit_code"] == 1


def test_unreachable_hub(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A hub that is not there exits with 3, after the credentials were found good."""
    pem = credentials.certificate(credentials.P256, now=datetime.now(timezone.utc))
    credentials.write(tmp_path, pem, credentials.key_pem(credentials.P256))
    arguments = ["--hub", "127.0.0.1:1", "--credentials", str(tmp_path)]
    assert run([*arguments, "check", "DOMAIN", "a.example", *QUESTION]) == 3
    assert "cannot be reached" in capsys.readouterr().err
    assert run(["--json", *arguments, "check", "DOMAIN", "a.example", *QUESTION]) == 3
    error = json.loads(capsys.readouterr().err)["error"]
    assert (error["status"], error["reason"]) == ("UNAVAILABLE", "")


def test_dry_run_checks_the_file(listings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run needs no hub, counts the rows and leaves no state."""
    assert run(["--json", "contribute", str(listings), "--dry-run"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["rows"], facts["categories_checked"]) == (1, False)
    assert [path.name for path in listings.parent.iterdir()] == ["listings.csv"]


def test_bad_rows_are_named(listings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file with bad rows is refused with 1: line, column and rule, never a value."""
    listings.write_text(f"{HEADER}\n{GOOD}\n{changed('value', '110105194912310021')}\n")
    assert run(["contribute", str(listings), "--dry-run"]) == 1
    said = capsys.readouterr().err
    assert "line 3: value:" in said
    assert "110105194912310021" not in said


def test_ofac_dry_run_writes_what_it_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the list holds and was not read is written line by line."""
    sdn, skipped = ROOT / "examples" / "ofac" / "sdn.csv", tmp_path / "skipped.csv"
    arguments = ["contribute", str(sdn), "--source", "ofac", "--dry-run"]
    assert run(["--json", *arguments, "--skipped", str(skipped)]) == 0
    facts = json.loads(capsys.readouterr().out)
    lines = skipped.read_text(encoding="utf-8").splitlines()
    assert len(lines) - 1 == facts["source"]["skipped"]
    assert sum(each["count"] for each in facts["source"]["skipped_by_reason"]) == len(lines) - 1
    assert lines[0] == "file,line,ent_num,what,rule"
    assert facts["rows"] > sum(facts["source"]["rows_by_type"].values())


def test_ofac_dry_run_tells_people_what_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows by type, suspects, and every reason for a skipped identifier are told with counts."""
    sdn = ROOT / "examples" / "ofac" / "sdn.csv"
    assert run(["contribute", str(sdn), "--source", "ofac", "--dry-run"]) == 0
    said = capsys.readouterr().out
    for expected in ("rows by type", "ORG_NAME", "suspect among them", "MMSI: no identifier type"):
        assert expected in said


def test_ofac_aliases_come_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Aliases are read from alt.csv beside the list, or from the file named, and decide rows."""
    sdn = tmp_path / "sdn.csv"
    sdn.write_text('7,"ACME",-0- ,"X"' + ",-0- " * 8 + "\r\n\x1a")
    other = tmp_path / "other.csv"
    other.write_text('7,1,"aka","ACME BANK",-0- \r\n7,2,"fka","ACME FUND",-0- \r\n\x1a')

    def outcome(*words: str) -> int:
        """Counts the rows, or gives the exit code of a refusal."""
        arguments = ["--json", "contribute", str(sdn), "--source", "ofac", "--dry-run", *words]
        code = run(arguments)
        rows: int = code or json.loads(capsys.readouterr().out)["rows"]
        return rows

    assert outcome() == 2
    assert outcome("--alt", "none") == 1
    assert outcome("--alt", str(other)) == 3
    assert outcome("--alt", str(tmp_path / "none.csv")) == 2
    (tmp_path / "alt.csv").write_text('7,1,"aka","ACME BANK",-0- \r\n\x1a')
    capsys.readouterr()
    assert outcome() == 2
    options = {Source.of(sdn, "ofac", "", alias_file=path).options for path in (None, other)}
    assert len(options) == 2


def test_second_upload_of_a_file_waits_its_turn(
    listings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """While one command holds a file, another is refused with 1."""
    with upload_state.file_lock(listings):
        assert run(["contribute", str(listings), "--dry-run"]) == 1
    assert "another command" in capsys.readouterr().err
    assert run(["contribute", str(listings), "--dry-run"]) == 0


def test_upload_state_is_found_again(listings: Path) -> None:
    """What was saved is found, and fits the same content with the same options only."""
    file_digest = upload_state.digest_of(listings)
    assert upload_state.find_state(listings) is None
    state = upload_state.new_state(file_digest, frame_rows=100, options="csv")
    upload_state.save_state(listings, state)
    assert upload_state.find_state(listings) == state
    assert state.fits(file_digest, "csv")
    for changed_digest, options in ((file_digest, "ofac"), ("00" * 32, "csv")):
        assert not state.fits(changed_digest, options)
    assert sorted(path.name for path in listings.parent.iterdir()) == [
        "listings.csv",
        "listings.csv.rongan.json",
    ]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": 1}', '{"stream_id": "zz"}'])
def test_damaged_upload_state_is_refused(listings: Path, text: str) -> None:
    """A state that cannot be read is refused: guessing would send everything twice."""
    upload_state.state_path(listings).write_text(text)
    with pytest.raises(RefusedHereError):
        upload_state.find_state(listings)


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01"])
def test_upload_keeps_the_day_that_it_began(listings: Path, day: str) -> None:
    """An upload that goes on tomorrow grades by the day it began; older states have none."""
    state = upload_state.new_state("00" * 32, frame_rows=100, options="csv")
    assert state.today is not None
    assert replace(state, day="").today is None
    upload_state.save_state(listings, replace(state, day=day))
    with pytest.raises(RefusedHereError):
        upload_state.find_state(listings)


def test_drafts_are_not_named(tmp_path: Path) -> None:
    """What cannot be written is named as the user knows it, not by the draft of it."""
    file = tmp_path / "gone" / "listings.csv"
    state = upload_state.new_state("00" * 32, frame_rows=100, options="csv")
    with pytest.raises(FileNotFoundError) as caught:
        upload_state.save_state(file, state)
    assert caught.value.filename == str(upload_state.state_path(file))
    with pytest.raises(FileNotFoundError) as caught, whole_file(file):
        pass
    assert caught.value.filename == str(file)


@pytest.mark.parametrize("codes", ["", " ", "A1,,E4", ","])
@pytest.mark.parametrize(
    "words",
    [
        ("check", "DOMAIN", "a.example", *QUESTION, "--categories"),
        ("batch", "in.csv", "-o", "out.csv", *QUESTION, "--categories"),
        ("listing", "list", "--category"),
    ],
)
def test_empty_categories_do_not_mean_all(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], codes: str
) -> None:
    """An empty code, as of a variable that is not set, is wrong usage and asks nothing."""
    where = ("--hub", "localhost:1", "--credentials", "no-such-folder")
    assert run([*where, *words, codes]) == 2
    assert "names no category" in capsys.readouterr().err


def test_chinese_by_locale(listings: Path) -> None:
    """A Chinese locale gets Chinese, help and all; others get English."""
    chinese = start("contribute", str(listings), "--dry-run", LANG="zh_CN.UTF-8")
    assert chinese.returncode == 0
    assert "仅检查，未报送" in chinese.stdout
    assert "示例" in start("check", "--help", LC_ALL="zh_CN.UTF-8", LANG="en_US.UTF-8").stdout
    assert "nothing was sent" in start("contribute", str(listings), "--dry-run", LANG="C").stdout


def test_terminal_without_chinese_characters(listings: Path) -> None:
    """A stream that cannot show a character shows its number; the command still ends well."""
    done = start(
        "contribute",
        str(listings),
        "--dry-run",
        LANG="zh_CN.UTF-8",
        PYTHONIOENCODING="latin-1",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u" in done.stdout


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&- <&-", "| head -c 1"])
def test_closed_streams(listings: Path, redirection: str) -> None:
    """Closed or broken streams end the command without a traceback."""
    command = f'"$0" -c "$1" contribute "$2" --dry-run {redirection}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, PROGRAM, str(listings)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LC_ALL": "C"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_sdk_imports_alone() -> None:
    """Importing the SDK brings neither the command's modules nor the hub's."""
    code = (
        "import sys, partner_sdk; "
        "print(*({'click', 'rich', 'numpy', 'lmdb', 'msgspec'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.split() == []


def test_output_never_takes_the_place_of_its_input(tmp_path: Path) -> None:
    """A batch refuses its own input, a link and a device as output, and leaves them alone."""
    asked = tmp_path / "asked.csv"
    asked.write_text("type,value\nDOMAIN,example.com\n", encoding="utf-8")
    link = tmp_path / "link.csv"
    link.symlink_to(asked)
    for output in (asked, link, Path("/dev/null")):
        words = ("batch", str(asked), "-o", str(output), "--purpose", "ANTI_FRAUD")
        assert run(["--hub", "localhost:1", *words]) == 2
    assert asked.read_text(encoding="utf-8").startswith("type,value")
    assert link.is_symlink()


def test_url_given_as_a_domain_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A URL where a domain is wanted is called one, and not repeated."""
    value = "https://phish.example/login"
    assert run(["check", "DOMAIN", value, *QUESTION]) == 2
    assert "this is a URL" in capsys.readouterr().err
    path = tmp_path / "listings.csv"
    row = changed("value", value).replace("CN_RID", "DOMAIN")
    path.write_text(f"{HEADER}\n{row}\n", encoding="utf-8")
    assert run(["contribute", str(path), "--dry-run"]) == 1
    said = capsys.readouterr().err
    assert "this is a URL" in said
    assert "phish" not in said
