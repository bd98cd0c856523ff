from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cryptography import x509

ROOT = Path(__file__).resolve().parents[3]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the script as a person does."""
    return subprocess.run(
        [sys.executable, "certs/make_dev_pki.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_makes_partners_and_keeps_them(tmp_path: Path) -> None:
    """The first run makes what was asked for; the second run keeps it."""
    target = tmp_path / "dev"
    first = run("--directory", str(target), "--partner", "bank-a", "--trust-domain", "bank.test")
    assert (first.returncode, first.stderr) == (0, "")
    pem = (target / "partners" / "bank-a" / "certificate.pem").read_bytes()
    names = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert [name.value for name in names.value] == ["spiffe://bank.test/partner/bank-a"]
    second = run("--directory", str(target))
    assert second.returncode == 0
    assert "is kept" in second.stdout
    assert (target / "partners" / "bank-a" / "certificate.pem").read_bytes() == pem
    assert [path.name for path in tmp_path.iterdir()] == ["dev"]


def test_a_refusal_leaves_nothing(tmp_path: Path) -> None:
    """A malformed name is refused in one line and leaves no half-made directory."""
    refused = run("--directory", str(tmp_path / "dev"), "--partner", "../x")
    assert refused.returncode == 1
    assert refused.stderr.startswith("refused: a name is")
    assert list(tmp_path.iterdir()) == []


def test_help_has_an_example() -> None:
    """The help shows a line to copy."""
    assert "example:\n  python certs/make_dev_pki.py" in run("--help").stdout
