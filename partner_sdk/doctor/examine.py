"""The steps, in the order in which a call takes them; one that fails makes later ones pointless."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from partner_sdk.clock import utc_now
from partner_sdk.directory import ROOTS_FILE
from partner_sdk.doctor.calling import check_calls
from partner_sdk.doctor.findings import Finding, left_out
from partner_sdk.doctor.network import (
    check_acceptance,
    check_address,
    check_connection,
    check_hub_certificate,
    check_tls,
)
from partner_sdk.doctor.own_files import OwnFiles, check_files
from partner_sdk.handshake import HANDSHAKE_SECONDS, Address

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

CHECKS = (
    "files",
    "dates",
    "authority",
    "address",
    "connection",
    "tls",
    "hub_certificate",
    "acceptance",
    "identity",
    "agreement",
    "roots",
)
"""Every step, in order; each is found once."""


def examine(
    target: str,
    directory: Path | str,
    *,
    now: datetime | None = None,
    timeout_seconds: float = HANDSHAKE_SECONDS,
) -> Iterator[Finding]:
    """Goes the way of a call, step by step, and says of each what was found.

    Nothing is changed, and what is asked of the hub costs nothing.

    Args:
        target: ``host:port`` of the hub.
        directory: Where the credentials are.
        now: This machine's clock, aware; None = now.
        timeout_seconds: Time for each thing that is waited for.

    Raises:
        ValueError: The target is no ``host:port``.
    """
    address, folder, instant = Address.parse(target), Path(directory), now or utc_now()
    own = OwnFiles()
    yield from check_files(folder, instant, own)
    passed = 3
    for finding in _towards_hub(address, folder, instant, timeout_seconds=timeout_seconds):
        yield finding
        passed += 1
        if finding.fails:
            break
    else:
        for finding in _as_ourselves(target, folder, own, timeout_seconds=timeout_seconds):
            yield finding
            passed += 1
    yield from map(left_out, CHECKS[passed:])


def _towards_hub(
    address: Address, folder: Path, now: datetime, *, timeout_seconds: float
) -> Iterator[Finding]:
    yield check_address(address)
    yield check_connection(address, timeout_seconds=timeout_seconds)
    finding, chain = check_tls(address, timeout_seconds=timeout_seconds)
    yield finding
    roots_pem = b""
    with suppress(OSError):
        roots_pem = (folder / ROOTS_FILE).read_bytes()
    judge = partial(check_hub_certificate, address, now=now, timeout_seconds=timeout_seconds)
    try:
        yield judge(roots_pem, chain)
    except ValueError:
        # Roots that cannot be read were named with the files.
        yield left_out("hub_certificate")


def _as_ourselves(
    target: str, folder: Path, own: OwnFiles, *, timeout_seconds: float
) -> Iterator[Finding]:
    if own.credentials is None:
        return
    accepted = check_acceptance(
        Address.parse(target), folder, sound=own.sound, timeout_seconds=timeout_seconds
    )
    yield accepted
    if not accepted.fails:
        yield from check_calls(target, own.credentials, folder, timeout_seconds=timeout_seconds)
