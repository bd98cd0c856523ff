"""``rongan-hub cert bundle``: by which roots the hub is recognised, and how the root is rolled.

Works on the files of the home; a hub that serves reads them again. The root keys are needed here
and nowhere else, and go back offline afterwards.
"""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.cli.settings import example
from rongan_share.ca import Hierarchy, load_private_key
from rongan_share.ca.roll_over import first_bundle, new_authorities, with_root, without_root
from rongan_share.cli.authorities import AuthoritiesInUse
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.cli.rehearsal import issue_clock
from rongan_share.cli.replaced_file import replace_file
from rongan_share.processes.listener import load_certificates
from rongan_share.wire.trust_bundle import TrustBundleError, digest_of, parse_bundle, roots_pem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rongan_share.config import Settings
    from rongan_share.v1 import certificate_service_pb2 as pb

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_KEYS = click.option(
    "--root-key", "keys", multiple=True, required=True, type=_FILE, help=say("help.root_key")
)


@click.group(
    help=say("help.cert_bundle"),
    epilog=example("rongan-hub --home hub cert bundle"),
    invoke_without_command=True,
)
@shared_options()
@click.pass_context
def bundle(context: click.Context) -> None:
    """Shows the bundle, if no verb follows."""
    if context.invoked_subcommand is None:
        options = context.ensure_object(Options)
        _show(options, _read(options.load_settings()))


@bundle.command(
    "make",
    help=say("help.bundle_make"),
    epilog=example("rongan-hub --home hub cert bundle make --root-key hub/pki/root.key.pem"),
)
@_KEYS
@shared_options()
@click.pass_obj
def make(options: Options, *, keys: tuple[Path, ...]) -> None:
    """Makes the first bundle of a home that was made before there were any."""
    settings = options.load_settings()
    tls = settings.tls
    if tls.trust_bundle.exists():
        raise RefusedHereError(f"{tls.trust_bundle}: {say('file_exists')}")
    loaded = [load_private_key(key) for key in keys]
    now = issue_clock(settings.clock.offset_seconds).now()
    try:
        signed = first_bundle(
            load_certificates(tls.hub_roots),
            keys=loaded,
            trust_domain=settings.trust_domain,
            now=now,
        )
    except TrustBundleError as error:
        raise RefusedHereError(str(error)) from None
    _keep(options, settings, signed)


@bundle.command(
    "new-root",
    help=say("help.bundle_new_root"),
    epilog=example("rongan-hub --home hub cert bundle new-root new"),
)
@click.argument("folder", type=_FOLDER)
@shared_options()
@click.pass_obj
def new_root(options: Options, folder: Path) -> None:
    """Makes a root and both intermediates; nothing of the home changes."""
    settings = options.load_settings()
    now = issue_clock(settings.clock.offset_seconds).now()
    try:
        made = new_authorities(folder, trust_domain=settings.trust_domain, now=now)
    except FileExistsError:
        raise RefusedHereError(f"{folder}: {say('file_exists')}") from None
    facts = {"root_certificate": str(made.root.certificate), "root_key": str(made.root.key)}
    options.show(facts, [*facts.items(), ("", say("keep_offline"))])


@bundle.command(
    "add-root",
    help=say("help.bundle_add_root"),
    epilog=example(
        "rongan-hub --home hub cert bundle add-root --new-root new/pki/root.crt.pem"
        " --root-key hub/pki/root.key.pem --root-key new/pki/root.key.pem"
    ),
)
@click.option("--new-root", "added", required=True, type=_FILE, help=say("help.new_root"))
@_KEYS
@shared_options()
@click.pass_obj
def add_root(options: Options, *, added: Path, keys: tuple[Path, ...]) -> None:
    """Makes and keeps the next bundle, with one more root."""
    settings = options.load_settings()
    root = _certificate(added)
    held = _read(settings)
    before, now = held.bundle, issue_clock(settings.clock.offset_seconds).now()
    if root.public_bytes(Encoding.DER) in before.root_der:
        # Given again after its reply was lost, or by the next operator.
        _show(options, held, note=say("root_in_bundle", version=before.version))
        return
    loaded = [load_private_key(key) for key in keys]
    try:
        signed = with_root(before, root, keys=loaded, now=now)
    except TrustBundleError as error:
        raise RefusedHereError(str(error)) from None
    _keep(options, settings, signed)


@bundle.command(
    "switch",
    help=say("help.bundle_switch"),
    epilog=example("rongan-hub --home hub cert bundle switch new"),
)
@click.argument("folder", type=_FOLDER)
@shared_options()
@click.pass_obj
def switch(options: Options, folder: Path) -> None:
    """Puts the intermediates below another root in the place of those that sign now."""
    settings = options.load_settings()
    known = {digest_of(root_der) for root_der in _read(settings).bundle.root_der}
    kept = AuthoritiesInUse(settings).replace(Hierarchy(folder), known_roots=known)
    facts = {"kept_aside": [str(path) for path in kept]}
    lines = [("kept_aside", path) for path in kept]
    options.show(facts, [*lines, ("next", "rongan-hub cert rotate")])


@bundle.command(
    "drop-root",
    help=say("help.bundle_drop_root"),
    epilog=example(
        "rongan-hub --home hub cert bundle drop-root 5f3c9a --root-key new/pki/root.key.pem"
    ),
)
@click.argument("digest")
@_KEYS
@shared_options()
@click.pass_obj
def drop_root(options: Options, digest: str, *, keys: tuple[Path, ...]) -> None:
    """Makes and keeps the next bundle, with one root less."""
    settings = options.load_settings()
    before, now = _read(settings).bundle, issue_clock(settings.clock.offset_seconds).now()
    digests = [digest_of(root_der) for root_der in before.root_der]
    named = [each for each in digests if digest and each.hex().startswith(digest.lower())]
    if len(named) != 1:
        raise RefusedHereError(say("no_such_root"))
    if AuthoritiesInUse(settings).hub_root(before) == named[0]:
        raise RefusedHereError(say("root_in_use"))
    loaded = [load_private_key(key) for key in keys]
    try:
        signed = without_root(before, named[0], keys=loaded, now=now)
    except TrustBundleError as error:
        raise RefusedHereError(str(error)) from None
    _keep(options, settings, signed)


def _read(settings: Settings) -> pb.SignedTrustBundle:
    try:
        return parse_bundle(settings.tls.trust_bundle.read_bytes())
    except (OSError, TrustBundleError) as error:
        raise RefusedHereError(f"{settings.tls.trust_bundle}: {error}") from None


def _keep(options: Options, settings: Settings, signed: pb.SignedTrustBundle) -> None:
    """Replaces the bundle, and the roots wherever they lie in the home."""
    roots = roots_pem(signed.bundle)
    copies = (*options.home.glob("operators/*/roots.pem"), *options.home.glob("probe/roots.pem"))
    for path in (settings.tls.hub_roots, *copies):
        replace_file(path, roots)
    replace_file(settings.tls.trust_bundle, signed.SerializeToString())
    _show(options, signed)


def _show(options: Options, signed: pb.SignedTrustBundle, *, note: str = "") -> None:
    held = signed.bundle
    roots = [
        {
            "digest": digest_of(root_der).hex(),
            "expiry_time": _expiry(root_der),
            "signed": any(each.root_digest == digest_of(root_der) for each in signed.signatures),
        }
        for root_der in held.root_der
    ]
    facts = {
        "trust_domain": held.trust_domain,
        "version": held.version,
        "issued_time": held.issued_time.ToDatetime(tzinfo=UTC).isoformat(),
    }
    lines = [*facts.items(), *_lines(roots)]
    options.show({**facts, "roots": roots}, [*lines, ("", note)] if note else lines)


def _lines(roots: list[dict[str, object]]) -> Iterator[tuple[str, object]]:
    for root in roots:
        yield "root", f"{root['digest']}  {root['expiry_time']}"


def _expiry(root_der: bytes) -> str:
    return x509.load_der_x509_certificate(root_der).not_valid_after_utc.isoformat()


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        raise RefusedHereError(f"{path}: {say('no_certificate')}") from None
