"""Places in networks: domain names and addresses of the Internet."""

from __future__ import annotations

import ipaddress
import re

import idna

from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.normalise import DIGITS, Context, Normalised, unify, unify_domain

_DOMAIN_LENGTH = 253
_HOST_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")

# NFKC leaves the full stop of Chinese text.
_FULL_STOPS = str.maketrans({"\u3002": "."})
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Our own tables: those of Python change between its releases, and both sides must agree.
_NOBODYS_WORDS = """
0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16
224.0.0.0/4 255.255.255.255/32 ::/128 ::1/128 fc00::/7 fe80::/10 fec0::/10 ff00::/8
"""
_SPECIAL_WORDS = """
192.0.0.0/24 192.0.2.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 2001:db8::/32
3fff::/20
"""
_NOBODYS = tuple(map(ipaddress.ip_network, _NOBODYS_WORDS.split()))
_SPECIAL = tuple(map(ipaddress.ip_network, _SPECIAL_WORDS.split()))
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")


def domain_name(text: str, context: Context) -> Normalised:
    """Normalises a domain name (DOMAIN) to its lower-case ASCII form without the final dot.

    Invisible signs go, but not the joiners U+200C and U+200D, which tell names of some scripts
    apart: where they may not stand, the name is refused. Labels that resolve in practice but break
    the rules for registered names (underscores, hyphens in third and fourth place, other A-labels)
    are kept and remarked.

    Source: RFC 5891; RFC 5892 appendix A; Unicode Technical Standard 46, non-transitional.
    """
    name = _mapped(unify_domain(text, context.field))
    if name is None:
        raise MalformedError(context.field, "holds a character that no domain name has")
    labels = name.removesuffix(".").split(".")
    ascii_labels = [_ascii_label(label, context.field) for label in labels]
    domain = ".".join(ascii_labels)
    if len(domain) > _DOMAIN_LENGTH:
        raise MalformedError(context.field, f"longer than {_DOMAIN_LENGTH} characters")
    if len(labels) == 1:
        raise MalformedError(context.field, "needs at least two labels")
    if DIGITS.issuperset(ascii_labels[-1]):
        raise MalformedError(context.field, "ends in a number, as an address of type IP does")
    registrable = all(_registered_form(label) is not None for label in ascii_labels)
    return Normalised(domain, () if registrable else ("a label has no registrable form",))


def _mapped(name: str) -> str | None:
    try:
        return idna.uts46_remap(name, std3_rules=False, transitional=False)
    except UnicodeError:
        # What idna says quotes the name, so it must not travel on as a cause.
        return None


def _registered_form(label: str) -> str | None:
    try:
        return idna.alabel(label).decode("ascii")
    except UnicodeError:
        return None


def _ascii_label(label: str, field: str) -> str:
    ascii_label = label if label.isascii() else _registered_form(label)
    if ascii_label is None or not _HOST_LABEL.fullmatch(ascii_label):
        raise MalformedError(field, "a label is empty, too long or holds a character not allowed")
    return ascii_label


def network_address(text: str, context: Context) -> Normalised:
    """Normalises an address of the Internet (IP): version 4 dotted, version 6 compressed.

    Version 4 within version 6 is unmapped. Addresses that many networks use at once identify
    nobody and are refused; those kept for documentation and the like are remarked.

    Source: RFC 4291; RFC 5952; RFC 6890.
    """
    folded = unify(text, context.field).translate(_FULL_STOPS)
    bracketed = folded.startswith("[") and folded.endswith("]")
    address = _read_address(folded[1:-1] if bracketed else folded)
    if address is None:
        raise MalformedError(context.field, "not an address of version 4 or 6, alone")
    if any(address in network for network in _NOBODYS):
        raise MalformedError(context.field, "an address that many networks use, so nobody's")
    special = any(address in network for network in _SPECIAL) or (
        isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST
    )
    return Normalised(str(address), ("not an address of global unicast",) if special else ())


def _read_address(text: str) -> _Address | None:
    # A zone names an interface of one machine.
    if "%" in text:
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        # What it says quotes the text, so it must not travel on as a cause.
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
