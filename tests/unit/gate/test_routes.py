from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import FileDescriptor

from rongan_share.errors import StartRefusedError
from rongan_share.gate.routes import AuditKind, Route, table_of
from rongan_share.gate.table import FILES, route_table
from rongan_share.model.partner import HolderKind
from rongan_share.model.quota import Meter
from rongan_share.v1 import (
    agreement_service_pb2,
    certificate_service_pb2,
    contribution_service_pb2,
    operator_service_pb2,
    verdict_service_pb2,
)

Column = Any
"""What a column of a row holds."""

TABLE = route_table()
PB_FILES: list[FileDescriptor] = [
    agreement_service_pb2.DESCRIPTOR,
    certificate_service_pb2.DESCRIPTOR,
    contribution_service_pb2.DESCRIPTOR,
    operator_service_pb2.DESCRIPTOR,
    verdict_service_pb2.DESCRIPTOR,
]


def rows(method: str = "VerdictService/CheckSubject", **changes: Column) -> list[Route]:
    """Gives all rows, one of them changed."""
    return [replace(row, **changes) if row.method == method else row for row in TABLE.values()]


def test_every_rpc_of_every_proto_is_routed() -> None:
    """No service of the package is left out of the table."""
    assert {file.name for file in FILES} == {file.name for file in PB_FILES}
    protos = Path(__file__).parents[3] / "protos" / "rongan_share" / "v1"
    services = {path.name for path in protos.glob("*_service.proto")}
    assert {Path(file.name).name for file in FILES} == services
    expected = {
        f"{service.name}/{rpc.name}"
        for file in PB_FILES
        for service in file.services_by_name.values()
        for rpc in service.methods
    }
    assert set(TABLE) == expected


def test_every_row_reads_the_request_of_its_rpc() -> None:
    """A row parses the message that the proto names, and streams are routed as frames."""
    for file in PB_FILES:
        for service in file.services_by_name.values():
            for rpc in service.methods:
                row = TABLE[f"{service.name}/{rpc.name}"]
                assert row.request.DESCRIPTOR.full_name == rpc.input_type.full_name
                assert (row.frames is not None) == rpc.client_streaming


def test_partners_and_operators_do_not_share_rows() -> None:
    """Operators' acts are open to operators alone and leave entries of their own class."""
    for method, row in TABLE.items():
        operating = method.startswith("OperatorService/")
        assert (row.audience is HolderKind.OPERATOR) == operating
        assert (row.audit_kind is AuditKind.ADMINISTRATION) == operating
        assert (row.scope is None) == (row.audience is not HolderKind.PARTNER)


def test_verdicts_and_contributions_are_metered() -> None:
    """What costs tokens or rows has its meter, everything else has none."""
    metered = {method: row.meter for method, row in TABLE.items() if row.meter is not None}
    assert metered == {
        "VerdictService/CheckSubject": Meter.QUERY,
        "VerdictService/StreamVerdicts": Meter.QUERY,
        "ContributionService/Contribute": Meter.CONTRIBUTION,
    }


def test_the_key_is_under_no_commitment() -> None:
    """The epoch key and enrolment secrets must not be bound by what outlives their delivery."""
    secret = {method: row.secret_fields for method, row in TABLE.items() if row.secret_fields}
    assert secret == {
        "AgreementService/GetTokenEpoch": ("key", "next.key"),
        "OperatorService/CreateEnrolment": ("secret",),
    }
    assert TABLE["AgreementService/GetTokenEpoch"].audit_kind is AuditKind.KEY_DELIVERY


def test_missing_row_stops_the_start() -> None:
    """An RPC without a row stops the hub, naming it."""
    with pytest.raises(StartRefusedError, match="VerdictService/CheckSubject has no route"):
        table_of([row for row in rows() if row.method != "VerdictService/CheckSubject"], FILES)


def test_double_row_stops_the_start() -> None:
    """An RPC with two rows stops the hub."""
    with pytest.raises(StartRefusedError, match="two routes"):
        table_of([*rows(), TABLE["VerdictService/CheckSubject"]], FILES)


def test_row_of_no_rpc_stops_the_start() -> None:
    """A row that belongs to no RPC stops the hub."""
    extra = replace(TABLE["VerdictService/CheckSubject"], method="VerdictService/Peek")
    with pytest.raises(StartRefusedError, match="VerdictService/Peek is no RPC"):
        table_of([*rows(), extra], FILES)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"listener": None}, "needs a listener and an audit kind"),
        ({"audit_kind": None}, "needs a listener and an audit kind"),
        ({"scope": None}, "need a scope"),
        ({"audience": HolderKind.OPERATOR}, "others have none"),
        ({"read": None}, "either as one request or as frames"),
        ({"frames": TABLE["VerdictService/StreamVerdicts"].frames}, "either as one request"),
        (
            {"read": None, "frames": TABLE["VerdictService/StreamVerdicts"].frames},
            "wrong kind of call",
        ),
    ],
    ids=[
        "no listener",
        "no audit kind",
        "no scope",
        "scope of an operator",
        "unread",
        "read twice",
        "unary as frames",
    ],
)
def test_incomplete_row_stops_the_start(changes: dict[str, Any], fault: str) -> None:
    """A row that leaves a step of the walk open stops the hub."""
    with pytest.raises(StartRefusedError, match=fault):
        table_of(rows(**changes), FILES)


@pytest.mark.parametrize(
    ("method", "changes", "fault"),
    [
        ("OperatorService/ListPartners", {"scope": lambda _: None}, "others have none"),
        (
            "VerdictService/StreamVerdicts",
            {"frames": None, "read": lambda _: None},
            "wrong kind of call",
        ),
    ],
    ids=["operator with a scope", "frames as unary"],
)
def test_row_of_another_kind_stops_the_start(
    method: str, changes: dict[str, Any], fault: str
) -> None:
    """A row that takes its RPC for one of another kind stops the hub."""
    with pytest.raises(StartRefusedError, match=fault):
        table_of(rows(method, **changes), FILES)
