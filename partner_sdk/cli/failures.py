"""From an exception to a sentence and an exit code: 1 refused, 2 usage, 3 unreachable."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from partner_sdk.cli.messages import say
from partner_sdk.credentials import CredentialsError
from partner_sdk.errors import ClientBusyError, HubRefusalError, SdkError, UnavailableError
from partner_sdk.sources.rows import RowProblem, RowsRefusedError
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED = 1
"""Exit code: the hub or this command refused."""

USAGE = 2
"""Exit code: the command was not called rightly."""

UNREACHABLE = 3
"""Exit code: the hub could not be reached or could not answer."""

EXPECTED = (SdkError, MalformedError, RowsRefusedError, click.ClickException, OSError)
"""What a user's mistake or a hub can cause; anything else is a fault of this program."""

_HINTS = {
    Reason.ENROLMENT_REFUSED: "hint.ENROLMENT_REFUSED",
    Reason.RENEWAL_NOT_DUE: "hint.RENEWAL_NOT_DUE",
    Reason.IDENTITY_UNREADABLE: "hint.identity",
    Reason.CERTIFICATE_NOT_REGISTERED: "hint.identity",
    Reason.CERTIFICATE_REVOKED: "hint.identity",
    Reason.CERTIFICATE_EXPIRED: "hint.identity",
    Reason.CALLER_UNKNOWN: "hint.identity",
}

_WRONG_PATH = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


class RefusedHereError(click.ClickException):
    """This command refuses, before or without asking the hub."""

    exit_code = REFUSED


def exit_code_of(error: Exception) -> int:
    """Decides the exit code."""
    if isinstance(error, click.ClickException):
        return error.exit_code
    if isinstance(error, (UnavailableError, ClientBusyError)):
        return UNREACHABLE
    if isinstance(error, (CredentialsError, MalformedError, *_WRONG_PATH)):
        return USAGE
    return REFUSED


def report_failure(error: Exception, *, as_json: bool) -> None:
    """Says on stderr what went wrong."""
    if as_json:
        click.echo(json.dumps({"error": _facts(error)}, ensure_ascii=False), err=True)
    elif isinstance(error, click.ClickException):
        error.show()
    else:
        for line in _sentences(error):
            click.echo(line, err=True)


def _sentences(error: Exception) -> Iterator[str]:
    if isinstance(error, RowsRefusedError):
        yield f"{say('error')}: {_count(error)}{say('undone.' + error.undone)}"
        yield from (f"  {_problem(problem, error.unit)}" for problem in error.problems)
        if error.total > len(error.problems):
            yield f"  {say('more_problems', count=error.total - len(error.problems))}"
        return
    if isinstance(error, UnavailableError):
        yield f"{say('error')}: {say('unreachable')}: {error}"
    elif isinstance(error, HubRefusalError):
        yield f"{say('refused')}: {error}"
    elif isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        yield f"{say('error')}: {place}{error.strerror or error}"
    else:
        yield f"{say('error')}: {error}"
    if isinstance(error, HubRefusalError):
        yield from _details(error)


def _details(error: HubRefusalError) -> Iterator[str]:
    if error.call_id:
        yield f"  {say('call_id')}: {error.call_id}"
    if error.reason in _HINTS:
        yield f"  {say(_HINTS[error.reason])}"


def _count(error: RowsRefusedError) -> str:
    problems = say("one_problem") if error.total == 1 else say("problems", count=error.total)
    if not error.row_total or error.row_total == error.total:
        return problems
    rows = say("in_one_row") if error.row_total == 1 else say("in_rows", count=error.row_total)
    return problems + rows


def _problem(problem: RowProblem, unit: str) -> str:
    words = [problem.column, problem.rule] if problem.column else [problem.rule]
    if problem.line:
        words.insert(0, say(f"at_{unit}", number=problem.line))
    return say("colon").join(words)


def _facts(error: Exception) -> dict[str, object]:
    facts: dict[str, object] = {"text": str(error), "exit_code": exit_code_of(error)}
    if isinstance(error, click.ClickException):
        facts["text"] = error.format_message()
    if isinstance(error, HubRefusalError):
        facts["status"] = error.code.name
        facts["reason"] = error.refusal.reason_name
        facts["metadata"] = dict(error.metadata)
        facts["retry_seconds"] = error.retry_seconds
    if isinstance(error, RowsRefusedError):
        facts["total"] = error.total
        facts["problems"] = [
            {error.unit: p.line or None, "column": p.column, "rule": p.rule} for p in error.problems
        ]
    return facts
