"""``rongan-hub cert``: certificates of partners, operators and of the hub itself."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import click

from partner_sdk.cli.settings import example
from rongan_share.ca import Hierarchy
from rongan_share.cli.issuing import Issuing
from rongan_share.cli.messages import say
from rongan_share.cli.new_file import new_file
from rongan_share.cli.options import Options, shared_options
from rongan_share.cli.own_certificates import renew, rotate
from rongan_share.v1 import operator_service_pb2 as pb

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(
    help=say("help.cert"),
    epilog=example("rongan-hub --home hub cert issue --help"),
)
def cert() -> None:
    """Holds the verbs."""


@cert.command(
    help=say("help.cert_issue"),
    epilog=example(
        "rongan-hub --home hub --as alice cert issue --partner bank-a"
        " --csr request.pem --out certificate.pem --roots-out roots.pem"
    ),
)
@click.option("--partner", "partner_id", required=True, metavar="ID", help=say("help.cert_partner"))
@click.option("--csr", required=True, type=_FILE, help=say("help.csr"))
@click.option("--out", required=True, type=_FILE, help=say("help.cert_out"))
@click.option("--roots-out", type=_FILE, default=None, help=say("help.roots_out"))
@shared_options()
@click.pass_obj
def issue(
    options: Options, *, partner_id: str, csr: Path, out: Path, roots_out: Path | None
) -> None:
    """Has a certificate issued, and hands it out."""
    issuing = Issuing(Hierarchy(options.home), options.load_settings())
    csr_pem = csr.read_bytes()
    # The draft is made first, so that no full disk can lose a certificate that the hub knows; if
    # it is lost on the way, the same request is answered with it again.
    with options.connect() as hub, new_file(out) as opened:
        if roots_out is not None:
            issuing.copy_roots(roots_out)
        answer, chain_pem = issuing.issue(hub, csr_pem, partner_id)
        opened.write(chain_pem)
    issued = answer.certificate
    expiry = issued.expiry_time.ToDatetime(tzinfo=UTC).isoformat()
    facts = {
        "partner": issued.holder_id,
        "serial": issued.serial_hex,
        "expiry_time": expiry,
        "certificate": str(out),
        "roots": str(roots_out or issuing.roots),
        "entry_index": answer.entry_index,
    }
    options.show(facts, [*facts.items(), ("", say("give_both"))])


@cert.command(
    help=say("help.cert_revoke"),
    epilog=example(
        "rongan-hub --home hub --as alice"
        " cert revoke 6cef90f3557681d3842161e377ece01f --reason theft"
    ),
)
@click.argument("serial")
@click.option("--reason", required=True, help=say("help.reason"))
@shared_options()
@click.pass_obj
def revoke(options: Options, serial: str, *, reason: str) -> None:
    """Shuts a certificate out for ever."""
    serial_hex = serial.lower().replace(":", "").lstrip("0")
    request = pb.RevokeCertificateRequest(serial_hex=serial_hex, reason=reason)
    with options.connect() as hub:
        answer = hub.call(lambda stub: stub.RevokeCertificate, request)
    facts = {"serial": answer.serial_hex, "entry_index": answer.entry_index}
    options.show(facts, facts.items())


cert.add_command(rotate)
cert.add_command(renew)
