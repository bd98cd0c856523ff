"""``rongan-hub cert rotate`` and ``renew``: new keys for the hub itself, and for an operator."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import click

from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.cli.settings import example
from rongan_share.ca import Hierarchy
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.processes.key_pairs import KeyPair, encode_chain
from rongan_share.processes.listener import load_certificate
from rongan_share.processes.own_certificate import host_names
from rongan_share.v1 import operator_service_pb2 as pb

if TYPE_CHECKING:
    from rongan_share.cli.connection import Connection


@click.command(
    help=say("help.cert_rotate"),
    epilog=example("rongan-hub --home hub --as alice cert rotate"),
)
@click.option("--hub-name", "names", multiple=True, metavar="HOST", help=say("help.rotate_names"))
@shared_options()
@click.pass_obj
def rotate(options: Options, *, names: tuple[str, ...]) -> None:
    """Has the hub's next key certified, then puts both in place; given again it goes on."""
    tls = options.load_settings().tls
    pair = KeyPair(tls.certificate_chain, tls.private_key)
    before = host_names(load_certificate(pair.certificate))
    names = names or tuple(before)
    host = options.target().rpartition(":")[0].strip("[]")
    if host not in names:
        # Nobody could call the hub any more by the name that this very command uses.
        raise RefusedHereError(say("rotate_locks_out", host=host))
    with options.connect() as hub, pair.changing():
        request = pb.IssueCertificateRequest(
            holder_kind=pb.HOLDER_KIND_HUB, host_names=names, request_der=pair.prepare()
        )
        answer = _replace(pair, hub, request)
    dropped = [name for name in before if name not in names]
    hosts = {"hosts": " ".join(names), **({"dropped": " ".join(dropped)} if dropped else {})}
    _show(options, answer, hosts, pair=pair)


@click.command(
    help=say("help.cert_renew"),
    epilog=example("rongan-hub --home hub --as alice cert renew"),
)
@shared_options()
@click.pass_obj
def renew(options: Options) -> None:
    """Has the operator's next key certified, then puts both in place; given again it goes on."""
    with options.connect() as hub:
        files = Hierarchy(options.home).operator(options.operator)
        pair = KeyPair(files.certificate, files.key)
        with pair.changing():
            request = pb.IssueCertificateRequest(
                holder_kind=pb.HOLDER_KIND_OPERATOR,
                holder_id=options.operator,
                request_der=pair.prepare(),
            )
            answer = _replace(pair, hub, request)
    _show(options, answer, {"operator": options.operator}, pair=pair)


def _replace(
    pair: KeyPair, hub: Connection, request: pb.IssueCertificateRequest
) -> pb.IssueCertificateResponse:
    answer = hub.call(lambda stub: stub.IssueCertificate, request)
    pair.put_in_place(encode_chain(tuple(answer.chain_der)))
    return answer


def _show(
    options: Options, answer: pb.IssueCertificateResponse, holder: dict[str, str], *, pair: KeyPair
) -> None:
    issued = answer.certificate
    facts = {
        **holder,
        "serial": issued.serial_hex,
        "expiry_time": issued.expiry_time.ToDatetime(tzinfo=UTC).isoformat(),
        "certificate": str(pair.certificate),
        "entry_index": answer.entry_index,
    }
    options.show(facts, facts.items())
