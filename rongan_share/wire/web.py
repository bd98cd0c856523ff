"""Addresses of pages (URL), without what differs between two visits to one page.

Source: RFC 3986 sections 5.2.4 and 6.2; backslashes and escapes as browsers have them (WHATWG URL
Standard).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.network import domain_name, network_address
from rongan_share.wire.normalise import (
    MAX_INPUT_LENGTH,
    Alias,
    Context,
    Normalised,
    unify,
    unify_domain,
    verify_characters,
)
from rongan_share.wire.vocabulary import IdentifierType

# Slashes in full width too: scheme and host are folded, what follows is not.
_URL = re.compile(
    r"(?P<scheme>[^/\\\uff0f\uff3c]*[/\\\uff0f\uff3c]{2})(?P<authority>[^/\\?#]*)(?P<path>[^?#]*)"
    r"(?:\?(?P<query>[^#]*))?(?:#.*)?",
    re.DOTALL,
)
_SCHEME = re.compile(r"(?P<name>https?):[/\\]{2}", re.IGNORECASE)
# What pasting leaves around an address. Within one such signs name another page.
_MARGIN = re.compile(
    r"^[\s\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]+"
    r"|[\s\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]+$"
)
# What stands before an at sign is a name for the server, or is there to deceive.
_AUTHORITY = re.compile(r"(?:.*@)?(?P<host>\[[^\]@]*\]|[^:@\[\]]+)(?::(?P<port>[0-9]{0,5}))?")
_NUMBERS = re.compile(r"[0-9.]+")
_NO_PAGE = "needs http:// or https:// and a host"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65535

_UNRESERVED = r"A-Za-z0-9._~\-"
_ESCAPED = re.compile(rf"%(?P<octet>[0-9A-Fa-f]{{2}})|[^{_UNRESERVED}!$&'()*+,;=:@/?]")
# Browsers escape it in queries and not in paths.
_QUOTE = "'"
_PLAIN = re.compile(f"[{_UNRESERVED}]")

_TRACKING_PREFIX = "utm_"
_TRACKING_WORDS = """
_ga _gl _hsenc _hsmi dclid fbclid gbraid gclid gclsrc igsh igshid li_fat_id mc_cid mc_eid
mkt_tok msclkid oly_anon_id oly_enc_id scm share_from share_token spm ttclid twclid vero_id
wbraid yclid
"""
_TRACKING = frozenset(_TRACKING_WORDS.split())
_CANONICAL_HOST = re.compile(r"https?://(?P<host>\[[^\]]*\]|[^:/]+)(?::[0-9]+)?(?P<rest>/.*)")


def page_address(text: str, context: Context) -> Normalised:
    """Normalises the address of a page: scheme, host, path and what of the query finds the page.

    Fragment, default port, names before the host and parameters that only follow a visitor go.
    Path and query are escaped as they stand, as browsers do: full width there is another page.
    """
    verify_characters(text, context.field)
    found = _URL.fullmatch(_MARGIN.sub("", text))
    if found is None:
        raise MalformedError(context.field, _NO_PAGE)
    scheme, host, port = _site(found["scheme"], found["authority"], context)
    path = _without_dots(_encoded(found["path"].replace("\\", "/")))
    address = f"{scheme}://{host.value}{port}{path}{_query(found['query'] or '')}"
    if len(address) > MAX_INPUT_LENGTH:
        raise MalformedError(context.field, f"longer than {MAX_INPUT_LENGTH} characters")
    return Normalised(address, host.remarks)


def _site(opening: str, given: str, context: Context) -> tuple[str, Normalised, str]:
    """Gives scheme, host and port from what stands before the path."""
    scheme = _SCHEME.fullmatch(unify(opening, context.field))
    authority = _AUTHORITY.fullmatch(unify_domain(given, context.field))
    if scheme is None or authority is None:
        raise MalformedError(context.field, _NO_PAGE)
    name = scheme["name"].lower()
    port = _port(authority["port"] or "", name, context.field)
    return name, _host(authority["host"], context), port


def _host(text: str, context: Context) -> Normalised:
    if not text.startswith("[") and not _NUMBERS.fullmatch(text):
        return domain_name(text, context)
    address = network_address(text, context)
    bracketed = f"[{address.value}]" if ":" in address.value else address.value
    return Normalised(bracketed, address.remarks)


def _port(text: str, scheme: str, field: str) -> str:
    if not text or int(text) == _DEFAULT_PORTS[scheme]:
        return ""
    if not 0 < int(text) <= _LAST_PORT:
        raise MalformedError(field, f"needs a port of 1 to {_LAST_PORT}")
    return f":{int(text)}"


def _encoded(text: str) -> str:
    """Writes each character in one way: as it is if it may be, else by octets in upper case."""
    return _ESCAPED.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    octet = found["octet"]
    if octet is None:
        return "".join(f"%{byte:02X}" for byte in found[0].encode())
    character = chr(int(octet, 16))
    return character if _PLAIN.fullmatch(character) else f"%{octet.upper()}"


def _without_dots(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


def _query(query: str) -> str:
    pieces = filter(None, map(_encoded, query.replace(_QUOTE, "%27").split("&")))
    kept = [piece for piece in pieces if not _follows(piece.partition("=")[0].lower())]
    return "?" + "&".join(kept) if kept else ""


def _follows(parameter: str) -> bool:
    return parameter.startswith(_TRACKING_PREFIX) or parameter in _TRACKING


def page_aliases(parts: tuple[str, ...]) -> Iterator[Alias]:
    """Gives the host of a page as DOMAIN or IP.

    It is weak unless the page is the whole site: others may have pages there too.
    """
    found = _CANONICAL_HOST.fullmatch(parts[0])
    if found is None:
        return
    host = found["host"]
    numbered = host.startswith("[") or _NUMBERS.fullmatch(host)
    host_type = IdentifierType.IP if numbered else IdentifierType.DOMAIN
    yield Alias(host_type, (host,), weak=found["rest"] != "/")
