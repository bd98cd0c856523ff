"""Signing of partners' certificates with the client intermediate of a home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from partner_sdk.cli.failures import RefusedHereError
from rongan_share.ca import (
    Hierarchy,
    Holder,
    Issuer,
    IssuerFiles,
    ProfileName,
    check_request,
    encode_chain,
    issue_leaf,
    load_profile,
)
from rongan_share.cli.messages import say
from rongan_share.cli.new_file import new_file
from rongan_share.cli.rehearsal import issue_clock

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography import x509

    from rongan_share.config import Settings


class Signer:
    """The client intermediate at work; reads its key once.

    Args:
        home: The hub's home.
        settings: Its configuration.

    Attributes:
        roots: What partners recognise the hub by.
        issuer: The authority.
        clock: Tells when certificates begin.

    Raises:
        IssueRefusedError: The authority's files are unfit.
        OSError: They cannot be read.
    """

    def __init__(self, home: Path, settings: Settings) -> None:
        tls = settings.tls
        self.roots = Hierarchy(home).hub_roots
        self.issuer: Issuer = IssuerFiles(
            tls.client_intermediate, tls.client_intermediate_key
        ).load()
        self.clock = issue_clock(settings.clock.offset_seconds)
        self._profile = load_profile(ProfileName.PARTNER)
        self._trust_domain = settings.trust_domain

    def verify(self, csr_pem: bytes) -> None:
        """Checks a request as `sign` would.

        Raises:
            IssueRefusedError: With the first rule that it breaks.
        """
        check_request(csr_pem, profile=self._profile)

    def sign(self, csr_pem: bytes, partner_id: str) -> tuple[x509.Certificate, bytes]:
        """Signs a certificate for the key of a request; returns it and its PEM chain.

        Raises:
            IssueRefusedError: With the first rule that stands in the way.
        """
        checked = check_request(csr_pem, profile=self._profile)
        leaf = issue_leaf(
            self.issuer,
            checked.public_key,
            holder=Holder(self._trust_domain, partner_id),
            profile=self._profile,
            now=self.clock.now(),
        )
        return leaf, encode_chain(leaf, self.issuer.certificate)

    def copy_roots(self, copy: Path) -> None:
        """Copies the roots; a partner's second certificate finds them in its place.

        Raises:
            RefusedHereError: Something else stands there.
            OSError: The file cannot be read or written.
        """
        content = self.roots.read_bytes()
        if copy.exists() and copy.read_bytes() != content:
            raise RefusedHereError(f"{copy}: {say('file_exists')}")
        if not copy.exists():
            with new_file(copy) as opened:
                opened.write(content)
