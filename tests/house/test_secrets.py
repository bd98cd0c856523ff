"""No private key is in the history, nor on its way there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house import tree

# A whole block, header and body: a test may name the header alone.
PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{40,}")
KEY_NAMES = re.compile(r"(\.key|\.key\.pem|\.p12|\.pfx|^key\.pem)$")


def git_files() -> list[Path]:
    """Lists what git tracks and what it would take in; only ignored files are left out."""
    git = shutil.which("git")
    if git is None or not (tree.ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=tree.ROOT, check=True, capture_output=True, text=True)
    paths = (Path(name) for name in listed.stdout.split("\0") if name)
    return [path for path in paths if (tree.ROOT / path).is_file()]


def test_no_file_is_named_like_a_key() -> None:
    """Files named like private keys are ignored by git."""
    assert [path for path in git_files() if KEY_NAMES.search(path.name)] == []


def test_no_file_holds_a_private_key() -> None:
    """No file that git holds contains a private key, whatever its name."""
    holders = [path for path in git_files() if PRIVATE_KEY.search((tree.ROOT / path).read_bytes())]
    assert holders == []


def test_pattern_finds_a_key() -> None:
    """The pattern itself finds a key of each common form."""
    for kind in (b"", b"EC ", b"RSA ", b"ENCRYPTED "):
        key = b"-----BEGIN " + kind + b"PRIVATE KEY-----\n" + b"MIGHAgEAMBMGByqGSM49" * 4
        assert PRIVATE_KEY.search(key)
