"""``rongan-hub health``: whether the hub serves, for whatever starts it and keeps it running."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from partner_sdk.cli.failures import UNREACHABLE
from partner_sdk.cli.settings import example
from partner_sdk.credentials import Credentials
from partner_sdk.errors import from_rpc_error
from rongan_share.ca import Hierarchy
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options

PROBE_FOLDER = "probe"
"""Folder of the home with the credentials that a probe uses; they need no agreement."""

DEADLINE_SECONDS = 5.0
"""Longest wait: a hub that needs longer for two bytes does not serve."""

_SERVING = health_pb2.HealthCheckResponse.SERVING


@click.command(help=say("help.health"), epilog=example("rongan-hub --home hub health"))
@click.option(
    "--credentials",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help=say("help.credentials"),
)
@shared_options()
@click.pass_obj
def health(options: Options, *, credentials: Path | None) -> int:
    """Asks gRPC's health service, which takes any certificate that TLS lets in."""
    target = options.target()
    files = Credentials.from_directory(credentials or _folder(options))
    with grpc.secure_channel(target, files.for_channel()) as channel:
        # The published types of this stub leave its methods out.
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=DEADLINE_SECONDS)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None
    facts = {"state": health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)}
    options.show(facts, facts.items())
    return 0 if answer.status == _SERVING else UNREACHABLE


def _folder(options: Options) -> Path:
    """Takes the operator's credentials where one is named, else the probe's own."""
    if options.operator:
        return Hierarchy(options.home).operator(options.operator).certificate.parent
    return options.home / PROBE_FOLDER
