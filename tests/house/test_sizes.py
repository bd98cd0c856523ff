"""Sizes are measured, so that they cannot rot."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import tree

FILE_LINES = 350
TEST_FILE_LINES = 400
FUNCTION_LINES = 50
POSITIONAL_PARAMETERS = 3

Function = ast.FunctionDef | ast.AsyncFunctionDef


@pytest.mark.parametrize("path", tree.python_files(), ids=str)
def test_file_is_short(path: Path) -> None:
    """A file stops at 350 lines, a test file at 400."""
    limit = TEST_FILE_LINES if path.parts[0] == "tests" else FILE_LINES
    assert len(tree.read(path).splitlines()) <= limit


@pytest.mark.parametrize("path", tree.python_files(), ids=str)
def test_functions_are_short(path: Path) -> None:
    """A function stops at 50 lines, its docstring not counted."""
    too_long = {
        f"{function.name} (line {function.lineno})": length
        for function, _ in functions(path)
        if (length := code_lines(function)) > FUNCTION_LINES
    }
    assert not too_long


@pytest.mark.parametrize("path", tree.python_files(), ids=str)
def test_few_positional_parameters(path: Path) -> None:
    """At most three parameters may be given by position, besides self and cls; tests are free.

    Compiled loops are too: a keyword costs each call of one more than a look-up does.
    """
    if "compiled" in path.parts:
        return
    too_many = {
        f"{function.name} (line {function.lineno})": count
        for function, is_method in functions(path)
        if not function.name.startswith("test_") and not is_fixture(function)
        if (count := positional_count(function, is_method=is_method)) > POSITIONAL_PARAMETERS
    }
    assert not too_many


def functions(path: Path) -> Iterator[tuple[Function, bool]]:
    """Yields each function of a file with whether it stands in a class."""
    module = ast.parse(tree.read(path))
    for node in ast.walk(module):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function):
                yield child, isinstance(node, ast.ClassDef)


def code_lines(function: Function) -> int:
    """Counts the lines from ``def`` to the end, less those of the docstring."""
    length = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is None:
        return length
    docstring = function.body[0]
    return length - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def positional_count(function: Function, *, is_method: bool) -> int:
    """Counts the parameters that a caller may give by position."""
    names = [parameter.arg for parameter in (*function.args.posonlyargs, *function.args.args)]
    if is_method and names and names[0] in {"self", "cls"}:
        names = names[1:]
    return len(names)


def is_fixture(function: Function) -> bool:
    """Says whether pytest fills in the parameters."""
    return any("fixture" in ast.unparse(decorator) for decorator in function.decorator_list)


def test_measures_a_sample() -> None:
    """The measures themselves: docstrings are free, self is free, keyword-only ones are free."""
    module = ast.parse(
        'class A:\n def f(self, a, b, /, c, d, *, e):\n  """One.\n\n  Two.\n  """\n  return a\n'
    )
    method = next(node for node in ast.walk(module) if isinstance(node, ast.FunctionDef))
    expected_lines = 2
    assert code_lines(method) == expected_lines
    assert positional_count(method, is_method=True) == POSITIONAL_PARAMETERS + 1
