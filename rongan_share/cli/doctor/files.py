"""Checks of a home's files: modes, keys, certificates and their dates."""

from __future__ import annotations

import stat
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from rongan_share.ca import Hierarchy
from rongan_share.cli.doctor.findings import Finding, failed, good, warned
from rongan_share.errors import StartRefusedError
from rongan_share.processes.listener import ListenerFiles, load_certificates, read_configuration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from rongan_share.config import Settings

LEAF_DAYS = 30
"""Days before its end at which a leaf should be replaced."""

AUTHORITY_DAYS = 180
"""The same of an authority: what it signs ends with it, and partners must take the next one up."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def check_files(home: Path, settings: Settings, now: datetime) -> Iterator[Finding]:
    """Looks at everything but the store; times are compared with the machine's clock."""
    yield from _check_folders(home, settings)
    yield from _check_keys(home, settings)
    yield from _check_root_key(Hierarchy(home))
    yield from _check_listener(settings, now)
    yield from _check_authorities(home, settings)
    yield from _check_dates(home, settings, now)


def _check_folders(home: Path, settings: Settings) -> Iterator[Finding]:
    bad = False
    for folder in (home, Hierarchy(home).pki, settings.keys.epoch_keys, settings.data_directory):
        if not folder.is_dir():
            bad = True
            yield failed("folders", "folder_missing", path=folder)
            continue
        mode = folder.stat().st_mode
        if mode & _OTHERS_WRITE:
            bad = True
            yield failed("folders", "folder_writable", path=folder)
        elif mode & stat.S_IRWXO:
            # A group may look in: a signer of its own user reads the ledger so.
            bad = True
            yield warned("folders", "folder_open", path=folder)
    if not bad:
        yield good("folders", "folders_ok")


def _check_keys(home: Path, settings: Settings) -> Iterator[Finding]:
    keys = {
        *settings.keys.hub_keys.glob("*.key"),
        settings.tls.private_key,
        *settings.keys.epoch_keys.glob("*.key"),
        *Hierarchy(home).pki.glob("*.key.pem"),
        *home.glob("operators/*/key.pem"),
        *home.glob("probe/key.pem"),
    }
    found = sorted(path for path in keys if path.is_file())
    bad = [path for path in found if path.stat().st_mode & _OTHERS]
    for path in bad:
        yield failed("key_modes", "key_open", path=path)
    if not bad:
        yield good("key_modes", "keys_ok", count=len(found))


def _check_root_key(hierarchy: Hierarchy) -> Iterator[Finding]:
    if hierarchy.root.key.exists():
        yield warned("root_key", "root_key_here", path=hierarchy.root.key)
    else:
        yield good("root_key", "root_key_away")


def _check_listener(settings: Settings, now: datetime) -> Iterator[Finding]:
    try:
        read_configuration(ListenerFiles.of_main(settings.tls), now)
    except StartRefusedError as error:
        yield failed("listener_files", "listener_unfit", cause=error)
    else:
        yield good("listener_files", "listener_ok", path=settings.tls.certificate_chain)


def _check_authorities(home: Path, settings: Settings) -> Iterator[Finding]:
    """Looks whether what the hub shows hangs below the root that its partners were given."""
    hierarchy, tls = Hierarchy(home), settings.tls
    try:
        roots = load_certificates(hierarchy.hub_roots)
        shown = load_certificates(tls.certificate_chain)[-1]
        issuer = load_certificates(tls.client_intermediate)[0]
        trusted = load_certificates(tls.client_roots)
    except StartRefusedError as error:
        yield failed("authorities", "authority_unreadable", cause=error)
        return
    if not any(signed_by(shown, root) for root in roots):
        yield failed("authorities", "not_below_root", path=tls.certificate_chain)
    elif issuer not in trusted:
        yield failed("authorities", "issuer_not_trusted", path=tls.client_intermediate)
    else:
        yield good("authorities", "authorities_ok")


def _check_dates(home: Path, settings: Settings, now: datetime) -> Iterator[Finding]:
    hierarchy, tls = Hierarchy(home), settings.tls
    paths = {
        tls.certificate_chain,
        tls.client_intermediate,
        tls.client_roots,
        hierarchy.hub_authority.certificate,
        hierarchy.root.certificate,
        hierarchy.hub_roots,
        *home.glob("operators/*/certificate.pem"),
        *home.glob("probe/certificate.pem"),
    }
    seen: set[x509.Certificate] = set()
    for path in sorted(path for path in paths if path.is_file()):
        try:
            found = load_certificates(path)
        except StartRefusedError as error:
            yield failed("dates", "authority_unreadable", cause=error)
            continue
        for certificate in found:
            if certificate not in seen:
                seen.add(certificate)
                yield _date_of(path, certificate, now)


def _date_of(path: Path, certificate: x509.Certificate, now: datetime) -> Finding:
    ends = certificate.not_valid_after_utc
    values = {
        "path": path,
        "name": certificate.subject.rfc4514_string(),
        "ends": ends.date().isoformat(),
        "days": (ends - now).days,
    }
    days = AUTHORITY_DAYS if is_authority(certificate) else LEAF_DAYS
    if now > ends:
        return failed("dates", "expired", **values)
    if now < certificate.not_valid_before_utc:
        begins = certificate.not_valid_before_utc.isoformat()
        return failed("dates", "not_begun", begins=begins, **values)
    if ends - now < timedelta(days=days):
        return warned("dates", "ends_soon", **values)
    return good("dates", "date_ok", **values)


def is_authority(certificate: x509.Certificate) -> bool:
    """Tells whether a certificate may sign others."""
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return bool(basic.value.ca)


def signed_by(below: x509.Certificate, above: x509.Certificate) -> bool:
    """Tells whether one certificate was signed by another."""
    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
