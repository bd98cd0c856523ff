"""One word for one thing: names that say nothing, and names that we do not use, are refused."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import tree

BANNED_FILES = {"util", "utils", "helper", "helpers", "common", "base", "manager", "misc", "data"}
# Each has a word of its own here: correction, monitor, allowlist, NOT_LISTED, flag.
BANNED_WORDS = {"recall", "watch", "whitelist", "blacklist", "clear", "tag"}

PROTOS = sorted(path for path in tree.files() if path.suffix == ".proto")
LIBRARIES = [path for path in tree.python_files() if path.parts[0] != "tests"]


def words(name: str) -> set[str]:
    """Splits an identifier into its words."""
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))


def defined_names(path: Path) -> Iterator[str]:
    """Yields the names that a file gives to functions, classes, parameters and variables."""
    for node in ast.walk(ast.parse(tree.read(path))):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.arg(arg=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name


@pytest.mark.parametrize("path", tree.python_files(), ids=str)
def test_file_name_says_something(path: Path) -> None:
    """No file or folder is named for holding whatever did not fit elsewhere."""
    assert not BANNED_FILES & {*path.parts[:-1], path.stem}


@pytest.mark.parametrize("path", LIBRARIES, ids=str)
def test_names_use_our_words(path: Path) -> None:
    """No name of the code uses a word that has another word here."""
    assert [name for name in defined_names(path) if words(name) & BANNED_WORDS] == []


@pytest.mark.parametrize("path", PROTOS, ids=str)
def test_protos_use_our_words(path: Path) -> None:
    """No name of the wire uses a word that has another word here."""
    code = re.sub(r"//[^\n]*", "", tree.read(path))
    assert [name for name in re.findall(r"\w+", code) if words(name) & BANNED_WORDS] == []
