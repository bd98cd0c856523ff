"""What a page says stands in a file of code, stands there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import tree

REFERENCE = re.compile(r"`([\w/]+/\w+\.py)`(?::((?:,?\s+`[A-Za-z_][\w.]*(?<!\.py)`)+))?")
"""A file, and after a colon the names that are said to be in it."""


def references(text: str) -> Iterator[tuple[str, str]]:
    """Yields file and name of each reference; a file alone has an empty name."""
    for file, names in REFERENCE.findall(text):
        for name in re.findall(r"`([\w.]+)`", names) or [""]:
            yield file, name


def defined(body: list[ast.stmt], within: str = "") -> Iterator[str]:
    """Yields what a module or class defines; what it only imports is not its own."""
    for statement in body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef):
            yield within + statement.name
        if isinstance(statement, ast.ClassDef):
            yield from defined(statement.body, f"{statement.name}.")
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
        for target in targets:
            yield from (within + each.id for each in ast.walk(target) if isinstance(each, ast.Name))


def missing(file: str, name: str) -> bool:
    """Tells whether a reference leads nowhere; its file may be named by the end of its path."""
    paths = [path for path in tree.files() if f"/{path}".endswith(f"/{file}")]
    if not name:
        return not paths
    return all(name not in defined(ast.parse(tree.read(path)).body) for path in paths)


@pytest.mark.parametrize("page", tree.pages(), ids=str)
def test_code_of_a_page_exists(page: Path) -> None:
    """Each file of code that a page names exists, and defines the names said to be in it."""
    named = set(references(tree.read(page)))
    assert sorted(one for one in named if missing(*one)) == []


def test_notices_what_is_gone() -> None:
    """Lists, line ends and members are understood; imports, old files and old names are noticed."""
    page = "`gate/walk.py`: `Walk.settle`,\n `ATTEMPTS`, `services/call.py`, `gate/gone.py`: `Link`"
    found = list(references(page))
    assert [name for _, name in found] == ["Walk.settle", "ATTEMPTS", "", "Link"]
    assert [missing(*one) for one in found] == [False, False, False, True]
    assert missing("ledger/committer.py", "Link")
    assert missing("gate/walk.py", "Walk.run")
