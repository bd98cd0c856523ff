"""Who a certificate names: a trust domain, a name in it, or the hosts of a hub.

Everything in a certificate that came from outside passes here first.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID

from rongan_share.model.profiles import Profile
from rongan_share.model.refusals import IssueRefusedError, Rule
from rongan_share.wire.caller_id import CALLER_ID

TRUST_DOMAIN_PATTERN = r"(?=.{1,64}\Z)[a-z0-9]+(?:[.-][a-z0-9]+)*"
"""At most 64 characters so that it fits an organisation name. Source: RFC 5280 appendix A.1."""

_DNS_NAME = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*"
    # The last label has a letter, else a mistyped IPv4 address would pass as a DNS name.
    r"(?=[0-9-]*[a-z])[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who a certificate names, checked on construction.

    Attributes:
        trust_domain: Authority of the URI name, lower case.
        name: Partner or operator id; empty for hubs and authorities.
        hosts: DNS names and IP addresses of a hub; empty for all others.
    """

    trust_domain: str
    name: str = ""
    hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what could not stand in a certificate as it is."""
        if not re.fullmatch(TRUST_DOMAIN_PATTERN, self.trust_domain):
            raise IssueRefusedError(Rule.TRUST_DOMAIN)
        if self.name and not CALLER_ID.fullmatch(self.name):
            raise IssueRefusedError(Rule.HOLDER_NAME)
        for host in self.hosts:
            host_name(host)


def host_name(host: str) -> x509.DNSName | x509.IPAddress:
    """Turns a host as written into the name it has in a certificate.

    Raises:
        IssueRefusedError: It is neither a plain DNS name nor an IP address (``HOST_NAME``).
    """
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        if _DNS_NAME.fullmatch(host):
            return x509.DNSName(host)
    raise IssueRefusedError(Rule.HOST_NAME)


def subject_name(holder: Holder, profile: Profile) -> x509.Name:
    """Writes the subject: the trust domain as organisation and a common name for people."""
    common_name = profile.common_name.format(name=holder.name)
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, holder.trust_domain),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def alternative_names(holder: Holder, profile: Profile) -> tuple[x509.GeneralName, ...]:
    """Writes the subject alternative names that the profile asks for, none for an authority.

    Raises:
        IssueRefusedError: The holder lacks a name or has one too many (``PROFILE_NAMES``).
    """
    if bool(holder.name) != (profile.names.uri is not None):
        raise IssueRefusedError(Rule.PROFILE_NAMES)
    if bool(holder.hosts) != profile.names.hosts:
        raise IssueRefusedError(Rule.PROFILE_NAMES)
    if profile.names.uri is None:
        return tuple(host_name(host) for host in holder.hosts)
    uri = profile.names.uri.format(trust_domain=holder.trust_domain, name=holder.name)
    return (x509.UniformResourceIdentifier(uri),)


def uri_matches(uri: str, pattern: str) -> bool:
    """Says whether a URI name is one that the profile's pattern can make."""
    scheme_and_domain, _, path = pattern.partition("{trust_domain}")
    before_name, _, after_name = path.partition("{name}")
    match = re.fullmatch(
        f"{re.escape(scheme_and_domain)}([^/]*){re.escape(before_name)}(.*){re.escape(after_name)}",
        uri,
    )
    return (
        match is not None
        and re.fullmatch(TRUST_DOMAIN_PATTERN, match[1]) is not None
        and CALLER_ID.fullmatch(match[2]) is not None
    )
