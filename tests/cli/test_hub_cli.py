"""The command ``rongan-hub`` against a hub that it made and runs itself."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from partner_sdk import Credentials, make_key_and_request
from rongan_share.cli.commands import rongan_hub
from rongan_share.cli.options import Options
from tests.cli.hub_process import AGREEMENT, RunningHub, make_hub, run_hub, serving


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """One hub for all tests of this file; each uses partners of its own."""
    home = tmp_path_factory.mktemp("hub") / "home"
    assert make_hub(home).code == 0
    with serving(home) as running:
        yield running


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yields the words that lead to each command and group."""
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


def propose(hub: RunningHub, folder: Path, partner: str) -> dict:
    """Registers a partner and proposes an agreement as alice."""
    file = folder / f"{partner}.toml"
    file.write_text(AGREEMENT.format(partner=partner), encoding="utf-8")
    assert hub.run("partner", "add", partner, "--name", "某银行").code == 0
    return hub.run("--json", "agreement", "propose", "-f", str(file)).facts


@pytest.mark.parametrize("path", list(commands(rongan_hub)), ids=" ".join)
def test_help_has_an_example(path: tuple[str, ...]) -> None:
    """The help of every command ends with an example of that command, and explains every option."""
    result = CliRunner().invoke(rongan_hub, [*path, "--help"], obj=Options())
    assert result.exit_code == 0
    example = result.output.split("Example:" if "Example:" in result.output else "示例：")[1]
    assert "rongan-hub --home hub" in example
    assert all(word in example for word in path)
    command: click.Command = rongan_hub
    for word in path:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert [option.name for option in options if not option.help] == []


def test_init_says_what_to_do_next(tmp_path: Path) -> None:
    """A new hub's home is named, and the command that starts it can be copied."""
    home = tmp_path / "a hub"
    done = run_hub(home, "init", "--trust-domain", "rongan.test")
    assert (done.code, done.err) == (0, "")
    assert f"rongan-hub --home '{home}' serve" in done.out
    assert (home / "operators" / "bob" / "key.pem").is_file()


def test_init_refuses_a_home_that_holds_something(hub: RunningHub) -> None:
    """A hub is never made over another one."""
    done = make_hub(hub.home)
    assert (done.code, done.out) == (1, "")
    assert "is not empty" in done.err


def test_init_needs_two_operators(tmp_path: Path) -> None:
    """With one operator nothing could ever be approved."""
    done = run_hub(tmp_path / "home", "init", "--trust-domain", "rongan.test", "--operator", "eve")
    assert done.code == 1
    assert "two operators" in done.err


def test_status(hub: RunningHub) -> None:
    """The status names every figure, and JSON may be asked for after the verb too."""
    facts = hub.run("status", "--json").facts
    assert facts["version"] == "0.1.0"
    assert facts["epoch"] == 1
    assert facts["clock_offset_seconds"] == 0
    assert len(bytes.fromhex(facts["root_hash"])) == 32
    assert facts["hub_id"] in hub.run("status").out


def test_partner_is_added_listed_suspended_resumed(hub: RunningHub) -> None:
    """A partner's state is what the last act made it."""
    assert hub.run("partner", "add", "bank-s", "--name", "银行 [S]").code == 0
    suspended = hub.run("--json", "partner", "suspend", "bank-s", "--reason", "key stolen").facts
    assert (suspended["state"], suspended["reason"]) == ("SUSPENDED", "key stolen")
    listed = hub.run("partner", "list", operator="bob")
    assert "bank-s   银行 [S]" in listed.out
    assert hub.run("--json", "partner", "resume", "bank-s", "--reason", "ok").facts["state"] == (
        "ACTIVE"
    )
    again = hub.run("partner", "add", "bank-s", "--name", "S")
    assert again.code == 1
    assert "RESOURCE_EXISTS" in again.err


def test_agreement_needs_a_second_operator(hub: RunningHub, tmp_path: Path) -> None:
    """The proposer may not approve; another operator may."""
    proposed = propose(hub, tmp_path, "bank-m")
    assert (proposed["version"], proposed["state"], proposed["proposer"]) == (
        1,
        "PROPOSED",
        "alice",
    )
    refused = hub.run("agreement", "approve", "bank-m", "1")
    assert (refused.code, refused.out) == (1, "")
    assert "SAME_OPERATOR" in refused.err
    approved = hub.run("--json", "agreement", "approve", "bank-m", "1", operator="bob").facts
    assert (approved["state"], approved["approver"]) == ("ACTIVE", "bob")


def test_agreement_shown_can_be_proposed_again(hub: RunningHub, tmp_path: Path) -> None:
    """What show prints is a file that propose takes, and the next version says the same."""
    propose(hub, tmp_path, "bank-r")
    shown = hub.run("agreement", "show", "bank-r").out
    assert AGREEMENT.format(partner="bank-r") in shown
    file = tmp_path / "again.toml"
    file.write_text(shown, encoding="utf-8")
    again = hub.run("--json", "agreement", "propose", "-f", str(file), operator="bob").facts
    assert again["version"] == 2
    first = hub.run("--json", "agreement", "show", "bank-r", "--version", "1").facts
    second = hub.run("--json", "agreement", "show", "bank-r").facts
    changed = {key for key in first if first[key] != second[key]}
    assert changed == {"version", "proposer"}


def test_agreement_file_is_refused_by_key(hub: RunningHub, tmp_path: Path) -> None:
    """A key that nobody knows is named, and nothing is sent."""
    file = tmp_path / "typo.toml"
    file.write_text(AGREEMENT.replace("channels", "chanels"), encoding="utf-8")
    done = hub.run("agreement", "propose", "-f", str(file))
    assert (done.code, done.out) == (1, "")
    assert "chanels" in done.err
    assert "Traceback" not in done.err


def test_certificate_is_issued_and_revoked(hub: RunningHub, tmp_path: Path) -> None:
    """A partner's files fit together, a file in the way is kept, and a revoked serial is known."""
    assert hub.run("partner", "add", "bank-c", "--name", "C").code == 0
    _, request = make_key_and_request(tmp_path, "bank-c")
    out = tmp_path / "certificate.pem"
    words = ("--json", "cert", "issue", "--partner", "bank-c", "--csr", str(request))
    issued = hub.run(*words, "--out", str(out), "--roots-out", str(tmp_path / "roots.pem")).facts
    assert Credentials.from_directory(tmp_path).identity == "spiffe://rongan.test/partner/bank-c"
    over_key = hub.run(*words, "--out", str(tmp_path / "key.pem"))
    assert over_key.code == 1
    assert Credentials.from_directory(tmp_path).expiry_time.isoformat() == issued["expiry_time"]
    revoked = hub.run("--json", "cert", "revoke", issued["serial"].upper(), "--reason", "lost")
    assert revoked.facts["serial"] == issued["serial"]


def test_hub_and_operator_get_new_keys(hub: RunningHub) -> None:
    """Key and certificate are replaced together, and the operator goes on with the new ones."""
    operator, pki = hub.home / "operators" / "alice", hub.home / "pki"
    places = [operator / "key.pem", operator / "certificate.pem"]
    places += [pki / "hub.key.pem", pki / "hub.crt.pem"]
    before = [path.read_bytes() for path in places]
    renewed = hub.run("--json", "cert", "renew").facts
    rotated = hub.run("--json", "cert", "rotate").facts
    assert renewed["operator"] == "alice"
    assert rotated["hosts"] == "localhost 127.0.0.1"
    after = [path.read_bytes() for path in places]
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert Credentials.from_directory(operator).identity.endswith("/operator/alice")
    for key, certificate in (places[:2], places[2:]):
        leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
        assert load_pem_private_key(key.read_bytes(), None).public_key() == leaf.public_key()
    assert hub.run("--json", "status").code == 0
    # Bob's ends as soon, and nothing of Alice's does: her next one follows the one before.
    listed = hub.run("--json", "cert", "list", "--holder", "alice").facts["certificates"]
    assert sorted(each["state"] for each in listed) == ["ACTIVE", "RETIRING"]


def test_hub_keeps_the_name_it_is_called_by(hub: RunningHub) -> None:
    """Names that would shut out whoever gives the command are refused before anything is made."""
    before = (hub.home / "pki" / "hub.crt.pem").read_bytes()
    done = hub.run("cert", "rotate", "--hub-name", "elsewhere.example")
    assert done.code == 1
    assert "would not bear" in done.err
    assert (hub.home / "pki" / "hub.crt.pem").read_bytes() == before


def test_unknown_partner_gets_no_certificate(hub: RunningHub, tmp_path: Path) -> None:
    """What the hub does not register is not handed out, and no draft is left."""
    _, request = make_key_and_request(tmp_path, "nobody")
    done = hub.run(
        *("cert", "issue", "--partner", "nobody", "--csr", str(request)),
        *("--out", str(tmp_path / "certificate.pem")),
    )
    assert done.code == 1
    assert "RESOURCE_NOT_FOUND" in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key.pem", "request.pem"]


def test_request_that_is_none_is_refused(hub: RunningHub, tmp_path: Path) -> None:
    """A file that is no request is refused in one line."""
    request = tmp_path / "request.pem"
    request.write_text("not a request", encoding="utf-8")
    done = hub.run(
        *("cert", "issue", "--partner", "bank-c", "--csr", str(request)),
        *("--out", str(tmp_path / "certificate.pem")),
    )
    assert done.code == 1
    assert len(done.err.splitlines()) == 1


def test_audit_is_read_while_the_hub_serves(hub: RunningHub) -> None:
    """The log verifies beside a running hub; its first entries say how the hub began."""
    status = hub.run("status", "--json").facts
    verified = run_hub(hub.home, "audit", "verify", "--json").facts
    assert verified["verified"]
    assert verified["size"] >= status["entry_count"]
    tail = run_hub(hub.home, "--json", "audit", "tail", "-n", "10000").facts
    methods = [entry["method"] for entry in tail["entries"]]
    assert methods[:2] == ["hub/init", "hub/start"]
    assert "OperatorService/GetHubStatus" in methods
    assert [entry["entry_index"] for entry in tail["entries"]] == list(range(tail["size"]))
    last = run_hub(hub.home, "audit", "tail", "-n", "1").out.splitlines()
    assert len(last) == 2
    assert "operator/alice" in last[1]


def test_second_hub_is_refused(hub: RunningHub) -> None:
    """Two hubs never serve one store."""
    done = run_hub(hub.home, "serve")
    assert (done.code, done.out) == (1, "")
    assert "another hub" in done.err
    assert len(done.err.splitlines()) == 1


def test_wrong_home_is_refused(tmp_path: Path) -> None:
    """A home that is none is refused in one line."""
    for words in (("serve",), ("audit", "verify"), ("--as", "alice", "status")):
        done = run_hub(tmp_path / "nowhere", *words)
        assert (done.code, done.out) == (1, "")
        assert len(done.err.splitlines()) == 1


def test_usage_is_told_in_the_language_of_the_locale(hub: RunningHub) -> None:
    """Without an operator the command says what is missing, in Chinese where that is spoken."""
    words = ("--hub", hub.address, "status")
    assert "--as OPERATOR" in run_hub(hub.home, *words).err
    chinese = run_hub(hub.home, *words, lang="zh_CN.UTF-8")
    assert chinese.code == 2
    assert "请指定操作员" in chinese.err


def test_unreachable_hub(hub: RunningHub) -> None:
    """A hub that is not there is no refusal."""
    done = run_hub(hub.home, "--as", "alice", "--hub", "127.0.0.1:1", "status")
    assert (done.code, done.out) == (3, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_the_hub(tmp_path: Path, number: signal.Signals) -> None:
    """A signal stops a hub in order: exit code 0, and the stop stands in the log."""
    home = tmp_path / "home"
    assert make_hub(home).code == 0
    with serving(home) as running:
        running.process.send_signal(number)
        assert running.process.wait(60) == 0
    last = run_hub(home, "--json", "audit", "tail", "-n", "1").facts["entries"][0]
    assert last["method"] == "hub/stop"
    assert run_hub(home, "audit", "verify").code == 0
