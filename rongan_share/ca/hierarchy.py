"""The whole set of authorities of a hub, and where each file of it stands.

Hub and clients hang below different intermediates: the hub trusts the client intermediate alone, so
that no certificate made for a hub, and none signed by the root by mistake, is let in as a client.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from rongan_share.ca.bundles import make_bundle
from rongan_share.ca.issue import (
    Issuer,
    encode_chain,
    issue_intermediate,
    issue_leaf,
    issue_root,
)
from rongan_share.ca.keys import generate_private_key, load_private_key, write_private_key
from rongan_share.model.holders import Holder
from rongan_share.model.profiles import ProfileName, load_profile
from rongan_share.model.refusals import IssueRefusedError, Rule


@dataclass(frozen=True, slots=True)
class IssuerFiles:
    """Where an authority stands on disk.

    Attributes:
        certificate: PEM, the authority alone.
        key: PEM, 0600.
    """

    certificate: Path
    key: Path

    def load(self) -> Issuer:
        """Reads certificate and key.

        Raises:
            IssueRefusedError: A file is malformed, open to others, or the two do not match.
            OSError: A file cannot be read.
        """
        try:
            certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        except ValueError:
            raise IssueRefusedError(Rule.CERTIFICATE_FILE) from None
        return Issuer(certificate, load_private_key(self.key))


@dataclass(frozen=True, slots=True)
class CredentialFiles:
    """Where one end of a connection finds its certificate, its key and whom it trusts.

    Attributes:
        certificate: PEM, leaf first, then its intermediate.
        key: PEM, 0600.
        roots: PEM, trust anchors for the other end.
    """

    certificate: Path
    key: Path
    roots: Path


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Where the authorities, the hub's and the operators' files stand below one directory."""

    directory: Path

    @property
    def pki(self) -> Path:
        """Directory of the authorities and of the hub's own certificate, 0700."""
        return self.directory / "pki"

    @property
    def root(self) -> IssuerFiles:
        """The root; its key belongs offline."""
        return IssuerFiles(self.pki / "root.crt.pem", self.pki / "root.key.pem")

    @property
    def client_authority(self) -> IssuerFiles:
        """The intermediate that signs partners and operators."""
        return IssuerFiles(self.pki / "client-ca.crt.pem", self.pki / "client-ca.key.pem")

    @property
    def hub_authority(self) -> IssuerFiles:
        """The intermediate that signs hubs."""
        return IssuerFiles(self.pki / "hub-ca.crt.pem", self.pki / "hub-ca.key.pem")

    @property
    def hub(self) -> CredentialFiles:
        """What the hub serves with; its trust anchor is the client intermediate alone."""
        pki = self.pki
        return CredentialFiles(pki / "hub.crt.pem", pki / "hub.key.pem", pki / "client-roots.pem")

    @property
    def hub_roots(self) -> Path:
        """What partners and operators trust: the root."""
        return self.pki / "hub-roots.pem"

    @property
    def trust_bundle(self) -> Path:
        """By which roots the hub is recognised, signed by them."""
        return self.pki / "trust-bundle.pb"

    def operator(self, name: str) -> CredentialFiles:
        """What the operator of that name connects with."""
        folder = self.directory / "operators" / name
        return CredentialFiles(folder / "certificate.pem", folder / "key.pem", folder / "roots.pem")


@dataclass(frozen=True, slots=True)
class Authorities:
    """The three authorities while they are being made."""

    root: Issuer
    client: Issuer
    hub: Issuer


def create_hierarchy(
    directory: Path,
    *,
    trust_domain: str,
    hub_names: Sequence[str],
    operators: Sequence[str],
    now: datetime,
) -> Hierarchy:
    """Makes root, both intermediates, the hub's certificate and one for each operator.

    All of it is signed in memory first, so that a refusal leaves nothing on disk. A crash while
    writing leaves a ``pki`` directory that the next run refuses; callers that must survive it write
    into a directory of their own and rename that.

    Args:
        directory: Where ``pki`` and ``operators`` are made; exists or not.
        trust_domain: Authority of every URI name.
        hub_names: DNS names and IP addresses of the hub, at least one.
        operators: Names of the operators, each once.
        now: The instant of issue, with time zone.

    Raises:
        IssueRefusedError: A name is malformed or stands twice.
        FileExistsError: There is a ``pki`` directory or such an operator already.
    """
    if len(set(operators)) != len(operators):
        raise IssueRefusedError(Rule.HOLDER_TWICE)
    authorities = make_authorities(trust_domain, now=now)
    hub_holder = Holder(trust_domain, hosts=tuple(hub_names))
    hub = _make_leaf(authorities.hub, hub_holder, name=ProfileName.HUB, now=now)
    made = {
        name: _make_leaf(
            authorities.client, Holder(trust_domain, name), name=ProfileName.OPERATOR, now=now
        )
        for name in operators
    }
    hierarchy = Hierarchy(directory)
    write_authorities(hierarchy, authorities)
    roots = encode_chain(authorities.root.certificate)
    _write_credentials(hierarchy.hub, hub, roots=encode_chain(authorities.client.certificate))
    _write_file(hierarchy.hub_roots, roots)
    bundle = make_bundle(
        [authorities.root.certificate],
        signed_by=[authorities.root],
        trust_domain=trust_domain,
        version=1,
        now=now,
    )
    _write_file(hierarchy.trust_bundle, bundle.SerializeToString())
    for name, leaf in made.items():
        files = hierarchy.operator(name)
        files.key.parent.mkdir(mode=0o700, parents=True)
        _write_credentials(files, leaf, roots=roots)
    return hierarchy


def make_authorities(trust_domain: str, *, now: datetime) -> Authorities:
    """Makes root and intermediates, in memory.

    Raises:
        IssueRefusedError: The trust domain is malformed.
    """
    holder = Holder(trust_domain)
    profile = load_profile(ProfileName.ROOT)
    root = issue_root(generate_private_key(profile), holder=holder, profile=profile, now=now)

    def below(name: ProfileName) -> Issuer:
        profile = load_profile(name)
        key = generate_private_key(profile)
        return issue_intermediate(root, key, holder=holder, profile=profile, now=now)

    return Authorities(
        root, below(ProfileName.CLIENT_INTERMEDIATE), below(ProfileName.HUB_INTERMEDIATE)
    )


_Leaf = tuple[bytes, ec.EllipticCurvePrivateKey]
"""A PEM chain and its key."""


def _make_leaf(issuer: Issuer, holder: Holder, *, name: ProfileName, now: datetime) -> _Leaf:
    profile = load_profile(name)
    key = generate_private_key(profile)
    leaf = issue_leaf(issuer, key.public_key(), holder=holder, profile=profile, now=now)
    return encode_chain(leaf, issuer.certificate), key


def write_authorities(hierarchy: Hierarchy, authorities: Authorities) -> None:
    """Writes certificates and keys of authorities to new files of a new folder.

    Raises:
        FileExistsError: There is such a folder already.
    """
    hierarchy.directory.mkdir(parents=True, exist_ok=True)
    hierarchy.pki.mkdir(mode=0o700)
    for files, issuer in (
        (hierarchy.root, authorities.root),
        (hierarchy.client_authority, authorities.client),
        (hierarchy.hub_authority, authorities.hub),
    ):
        write_private_key(files.key, issuer.private_key)
        _write_file(files.certificate, encode_chain(issuer.certificate))


def _write_credentials(files: CredentialFiles, leaf: _Leaf, *, roots: bytes) -> None:
    chain, key = leaf
    write_private_key(files.key, key)
    _write_file(files.certificate, chain)
    _write_file(files.roots, roots)


def _write_file(path: Path, content: bytes) -> None:
    """Writes a new public file, durably."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
