"""``rongan-hub cert enrolment``: the string with which a partner gets its first certificate."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from datetime import UTC
from pathlib import Path

import click

from partner_sdk.cli.settings import example
from rongan_share.cli.messages import say
from rongan_share.cli.new_file import new_file
from rongan_share.cli.options import Options, shared_options
from rongan_share.errors import StartRefusedError
from rongan_share.processes.listener import load_certificate
from rongan_share.processes.own_certificate import host_names
from rongan_share.v1 import operator_service_pb2 as pb
from rongan_share.wire.enrolment_string import EnrolmentString

_EVERYWHERE = ("", "0.0.0.0", "[::]")  # noqa: S104 - recognised here, not listened on
_UNKNOWN = "HOST:PORT"
_PRIVATE_MODE = 0o600


@click.command(
    "enrolment",
    help=say("help.cert_enrolment"),
    epilog=example("rongan-hub --home hub --as alice cert enrolment bank-a --out bank-a.enrolment"),
)
@click.argument("partner_id", metavar="ID")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help=say("help.enrolment_out"),
)
@shared_options()
@click.pass_obj
def enrolment(options: Options, partner_id: str, *, out: Path | None) -> None:
    """Has the hub make a secret; it is shown here and nowhere else."""
    with ExitStack() as stack:
        # The draft is made first, so that no full disk can lose what is shown only once.
        opened = None if out is None else stack.enter_context(new_file(out, mode=_PRIVATE_MODE))
        hub = stack.enter_context(options.connect())
        request = pb.CreateEnrolmentRequest(partner_id=partner_id)
        answer = hub.call(lambda stub: stub.CreateEnrolment, request)
        text = EnrolmentString(partner_id, answer.secret, answer.root_digest).format()
        if opened is not None:
            opened.write(f"{text}\n".encode())
    facts: dict[str, object] = {
        "partner": partner_id,
        "enrolment": text if out is None else str(out),
        "expiry_time": answer.expiry_time.ToDatetime(tzinfo=UTC).isoformat(),
        "entry_index": answer.entry_index,
        "partner_runs": shlex.join(["rongan", "enroll", partner_id, "--hub", _address(options)]),
    }
    options.show(facts, [*facts.items(), ("", say("give_enrolment"))])


def _address(options: Options) -> str:
    """Names the enrolment listener as a partner reaches it, as far as the home says it."""
    try:
        settings = options.load_settings()
        [host, port] = settings.listen.enrolment.rsplit(":", 1)
    except (StartRefusedError, ValueError):
        return _UNKNOWN
    if port == "0":
        return _UNKNOWN
    if host in _EVERYWHERE:
        host = host_names(load_certificate(settings.tls.certificate_chain))[0]
    return f"{host}:{port}"
