"""One table of refusals: code, proto and page say the same."""

from __future__ import annotations

import re
from pathlib import Path

import grpc
import pytest

from docs.make_errors import PAGE, errors_page
from rongan_share.v1 import error_reason_pb2
from rongan_share.wire.reasons import Reason
from tests.house import tree

PREFIX = "ERROR_REASON_"
PROTO = Path("protos/rongan_share/v1/error_reason.proto")


def documented_reasons() -> dict[str, str]:
    """Returns the comment above each value of the enumeration, as one line."""
    pattern = re.compile(rf"((?: *//[^\n]*\n)+) *{PREFIX}(\w+) = \d+;")
    return {
        name: " ".join(line.strip(" /") for line in comment.splitlines())
        for comment, name in pattern.findall(tree.read(PROTO))
    }


def test_reasons_are_those_of_the_proto() -> None:
    """Each reason has one value in the proto and each value one reason."""
    values = error_reason_pb2.DESCRIPTOR.enum_types_by_name["ErrorReason"].values
    in_proto = {value.name.removeprefix(PREFIX) for value in values}
    assert in_proto - {"UNSPECIFIED"} == {reason.name for reason in Reason}


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_proto_comment_names_status_and_metadata(reason: Reason) -> None:
    """The comment in the proto opens with the status and lists the metadata of the table."""
    comment = documented_reasons()[reason.name]
    assert comment.startswith(reason.refusal.status)
    stated = re.search(r"Metadata: ([^.]*)\.", comment)
    assert stated is not None
    keys = re.sub(r"\([^)]*\)", "", stated[1]).replace(" ", "").split(",")
    assert tuple(key for key in keys if key != "none") == reason.refusal.metadata


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_status_exists(reason: Reason) -> None:
    """The status of each reason is one that gRPC knows, and never OK."""
    assert reason.refusal.status in grpc.StatusCode.__members__
    assert reason.refusal.status != "OK"


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_text_is_fixed(reason: Reason) -> None:
    """A text holds no place for a value, since no value may come back."""
    assert not set(reason.refusal.text) & set("{}%")


def test_page_is_current() -> None:
    """docs/errors.md is what the table says; `make docs` writes it."""
    assert PAGE.read_text(encoding="utf-8") == errors_page()


def test_page_has_one_line_for_each_reason() -> None:
    """Each reason has exactly one line on the page."""
    rows = re.findall(r"^\| `(\w+)` \|", errors_page(), flags=re.MULTILINE)
    assert sorted(rows) == sorted(reason.name for reason in Reason)
