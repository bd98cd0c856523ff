"""Every cause that ``rongan doctor`` can find has a sentence, and a remedy where it needs one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import partner_sdk.doctor
from partner_sdk.cli.messages import say
from partner_sdk.credentials import CredentialsCause
from partner_sdk.doctor.calling import _NAMED
from partner_sdk.doctor.examine import CHECKS
from partner_sdk.doctor.network import _ALERTS

DATES = {CredentialsCause.EXPIRED, CredentialsCause.NOT_YET_VALID}
CHOSEN = ("hub_ended", "hub_not_begun", "hub_other_name", "hub_other_root", "hub_unfit")
REFUSED_IN_TLS = ("refused_in_tls", "refused_in_tls_as_above")


def written_down() -> set[tuple[str, bool]]:
    """Finds causes in the code: the word, and whether it wants a remedy."""
    found = set()
    for path in Path(partner_sdk.doctor.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            name = node.func.id
            if name in ("good", "warned", "failed", "unreachable"):
                match node.args[1]:
                    case ast.Constant(value=str(cause)):
                        found.add((cause, name != "good"))
    return found


VALUES = dict.fromkeys(
    (
        *("path", "identity", "begins", "ends", "now", "days", "due", "issuer", "host", "port"),
        *("error", "places", "seconds", "version", "cipher", "names", "alert", "told"),
        *("purposes", "held", "offered"),
    ),
    "x",
)

KNOWN = sorted(
    written_down()
    | {(f"files.{cause.name}", True) for cause in set(CredentialsCause) - DATES}
    | {(f"refused.{reason.name}", True) for reason in _NAMED}
    | {(cause, True) for cause in (*CHOSEN, *REFUSED_IN_TLS, *_ALERTS.values(), "alert_other")}
)


@pytest.mark.parametrize("locale", ["C", "zh_CN.UTF-8"])
def test_texts(monkeypatch: pytest.MonkeyPatch, locale: str) -> None:
    """Each is said in both languages."""
    monkeypatch.setenv("LC_ALL", locale)
    assert len(KNOWN) > 50
    for cause, needs_remedy in KNOWN:
        keys = [f"doctor.{cause}", *([f"doctor.{cause}.remedy"] if needs_remedy else [])]
        for key in keys:
            assert say(key, **VALUES)
    for check in CHECKS:
        assert say(f"doctor.{check}")
