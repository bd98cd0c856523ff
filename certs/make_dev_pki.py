"""Makes certificates for development: a hub, its operators and partners, all below one new root."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rongan_share.ca import (
    CredentialFiles,
    Hierarchy,
    Holder,
    IssueRefusedError,
    ProfileName,
    create_hierarchy,
    encode_chain,
    generate_private_key,
    issue_leaf,
    load_profile,
    write_private_key,
)
from rongan_share.clock import SystemClock

HERE = Path(__file__).resolve().parent

EXAMPLE = """example:
  python certs/make_dev_pki.py --directory certs/dev --partner bank-a --partner shop-b

Keys are for development only. What stands in the directory is kept until you delete it.
"""


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--directory", type=Path, default=HERE / "dev", help="where to write (certs/dev)")
    add("--trust-domain", default="rongan.test", help="authority of the URI names (rongan.test)")
    add("--hub-name", action="append", help="host of the hub, repeatable (localhost, 127.0.0.1)")
    add("--operator", action="append", help="an operator, repeatable (operator-a, operator-b)")
    add("--partner", action="append", help="a partner, repeatable (partner-a, partner-b)")
    return parser.parse_args(arguments)


def make_partner(hierarchy: Hierarchy, holder: Holder, *, now: datetime) -> None:
    """Makes key and certificate of one partner below ``partners/<name>``."""
    folder = hierarchy.directory / "partners" / holder.name
    folder.mkdir(mode=0o700, parents=True)
    files = CredentialFiles(folder / "certificate.pem", folder / "key.pem", folder / "roots.pem")
    issuer = hierarchy.client_authority.load()
    profile = load_profile(ProfileName.PARTNER)
    key = generate_private_key(profile)
    leaf = issue_leaf(issuer, key.public_key(), holder=holder, profile=profile, now=now)
    write_private_key(files.key, key)
    files.certificate.write_bytes(encode_chain(leaf, issuer.certificate))
    files.roots.write_bytes(hierarchy.hub_roots.read_bytes())


def make_all(options: argparse.Namespace, directory: Path) -> None:
    """Makes everything that the options ask for in a directory that does not exist yet."""
    now = SystemClock().now()
    hierarchy = create_hierarchy(
        directory,
        trust_domain=options.trust_domain,
        hub_names=options.hub_name or ["localhost", "127.0.0.1"],
        operators=options.operator or ["operator-a", "operator-b"],
        now=now,
    )
    for name in dict.fromkeys(options.partner or ["partner-a", "partner-b"]):
        make_partner(hierarchy, Holder(options.trust_domain, name), now=now)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the script; returns its exit code."""
    options = parse_arguments(arguments)
    directory: Path = options.directory
    if directory.exists():
        print(f"{directory} exists and is kept; delete it to make another")
        return 0
    # Made beside its place and renamed: a run that is cut short never looks like a whole one.
    unfinished = directory.with_name(f"{directory.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        make_all(options, unfinished)
    except IssueRefusedError as refusal:
        shutil.rmtree(unfinished, ignore_errors=True)
        print(f"refused: {refusal}", file=sys.stderr)
        return 1
    unfinished.rename(directory)
    print(f"made in {directory}: pki, operators, partners")
    return 0


if __name__ == "__main__":
    sys.exit(main())
