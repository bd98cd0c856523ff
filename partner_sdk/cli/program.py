"""Running a command line: the one place where errors become exit codes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Protocol

import click

from partner_sdk.cli.failures import REFUSED, exit_code_of, report_failure

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERRUPTED = 130


class Speaker(Protocol):
    """The object that the options of a program are kept in."""

    @property
    def as_json(self) -> bool:
        """Whether JSON was asked for."""
        ...


def run_program(
    program: click.Group,
    settings: Speaker,
    arguments: Sequence[str] | None,
    *,
    expected: tuple[type[Exception], ...],
) -> int:
    """Runs a program.

    Args:
        program: Its commands.
        settings: Where its options are kept.
        arguments: What follows its name; None = the process's own.
        expected: Errors that a user or a hub can cause; any other is a fault of the program and
            shows its traceback.

    Returns:
        0 done, 1 refused, 2 usage, 3 unreachable, 130 interrupted.
    """
    _soften_streams()
    try:
        code = program.main(arguments, prog_name=program.name, obj=settings, standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.Abort:
        return _INTERRUPTED
    except BrokenPipeError:
        _discard_stdout()
        return REFUSED
    except expected as error:
        report_failure(error, as_json=settings.as_json)
        return exit_code_of(error)
    return code if isinstance(code, int) else 0


def _soften_streams() -> None:
    """Lets a terminal that lacks a character show its number instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _discard_stdout() -> None:
    """Keeps the interpreter from writing into the closed pipe once more as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
