"""A file made into tokens by worker processes, asked about as frames, against a hub."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from partner_sdk.cli.main import run
from rongan_share.clock import SystemClock
from tests.house import tree
from tests.support.hub import running_hub
from tests.support.processes import days_ahead, write_credentials

EXAMPLE = re.compile(
    r"```python\n(from pathlib[^`]*import BulkTokenizer[^`]*)```\n\n```text\n([^`]*)```"
)
CUSTOMERS = "type,value\nMSISDN,+86 138 0013 8000\nDOMAIN,harmless.example\nCN_RID,12345\nPAN,1\n"
COLUMNS = "reference,type,value,category,severity,evidence,source_class,legal_basis,expiry_date"
LISTING = "1,MSISDN,13800138000,A2,3,VERIFIED,PEER_DOMESTIC,ANTI_TELECOM_FRAUD_LAW"


def test_example_of_the_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program in the partner guide prints what the guide says it prints."""
    found = EXAMPLE.search(tree.read(Path("docs/partner-guide.md")))
    assert found is not None
    (tmp_path / "customers.csv").write_text(CUSTOMERS, encoding="utf-8")
    (tmp_path / "listings.csv").write_text(
        f"{COLUMNS}\n{LISTING},{days_ahead(9)}\n", encoding="utf-8"
    )
    with running_hub(tmp_path / "home", SystemClock()) as hub:
        hub.create_partner("bank-a")
        minted = hub.pki.partner("bank-a")
        hub.register(minted)
        hub.agree("bank-a")
        write_credentials(tmp_path / "bank-a", minted, hub.pki.hub_roots_pem)
        shared = ("--hub", hub.target, "--credentials", str(tmp_path / "bank-a"))
        assert run([*shared, "contribute", str(tmp_path / "listings.csv")]) == 0
        program = tmp_path / "program.py"
        program.write_text(found[1].replace("localhost:7443", hub.target), encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", str(tree.ROOT))
        printed = subprocess.run(
            [sys.executable, program], cwd=tmp_path, capture_output=True, text=True, check=True
        )
    assert printed.stdout == found[2]
