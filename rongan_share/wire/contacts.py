"""Ways to reach a subject by message: mail addresses, accounts of social networks."""

from __future__ import annotations

import re
import string
import unicodedata

from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.network import domain_name
from rongan_share.wire.normalise import Context, Normalised, unify, unify_domain
from rongan_share.wire.platforms import NETWORKS, code_of, number_alone

_LOCAL_LENGTH = 64
_ADDRESS_LENGTH = 254
_LOCAL_ALPHABET = frozenset(string.ascii_letters + string.digits + "!#$%&'*+/=?^_`{}~-.")

_ACCOUNT_LENGTH = 64
_ACCOUNT_ALPHABET = frozenset(string.ascii_lowercase + string.digits + "._-+:@#")


def mail_address(text: str, context: Context) -> Normalised:
    """Normalises a mail address (EMAIL): the domain as DOMAIN, the local part kept as written.

    Only the receiving server knows whether case or dots of the local part matter, so they stay.

    Source: RFC 5321 sections 2.4 and 4.1.2; RFC 6531.
    """
    given, at, domain = unify_domain(text, context.field).rpartition("@")
    if not at:
        raise MalformedError(context.field, "needs a local part, @ and a domain")
    local = unify(given, context.field)
    if not 0 < len(local.encode()) <= _LOCAL_LENGTH:
        raise MalformedError(context.field, f"needs a local part of 1 to {_LOCAL_LENGTH} bytes")
    for position, character in enumerate(local):
        if character not in _LOCAL_ALPHABET and not _international_letter(character):
            raise MalformedError(
                context.field, "the local part holds a character not allowed", position
            )
    host = domain_name(domain, context)
    address = f"{local}@{host.value}"
    if len(address.encode()) > _ADDRESS_LENGTH:
        raise MalformedError(context.field, f"longer than {_ADDRESS_LENGTH} bytes")
    return Normalised(address, (*_local_doubts(local), *host.remarks))


def _international_letter(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character)[0] in "LMN"


def _local_doubts(local: str) -> tuple[str, ...]:
    doubts = (
        (not local.isascii(), "the local part is not ASCII"),
        (".." in f".{local}.", "the local part has a stray dot"),
    )
    return tuple(remark for doubtful, remark in doubts if doubtful)


def social_network(text: str, context: Context) -> Normalised:
    """Normalises the name of a social network to one code, such as WECHAT."""
    return code_of(text, context, NETWORKS)


def social_account(text: str, context: Context) -> Normalised:
    """Normalises a name at a social network: lower case, no spaces, no leading at sign.

    A number loses what stands between its digits, a Chinese mobile its country too.

    Networks differ in whether case matters. Where it does, two names that differ in case alone
    share a token, which is rarer than one name typed in two ways.
    """
    spaceless = unify(text, context.field).lower().replace(" ", "")
    named = unicodedata.normalize("NFKC", re.sub("^@+", "", spaceless))
    name = number_alone(named) or named
    if not 0 < len(name) <= _ACCOUNT_LENGTH:
        raise MalformedError(context.field, f"needs 1 to {_ACCOUNT_LENGTH} characters")
    for position, character in enumerate(name):
        if character not in _ACCOUNT_ALPHABET and not _letter_or_mark(character):
            raise MalformedError(
                context.field, "holds a character that the type does not allow", position
            )
    return Normalised(name)


def _letter_or_mark(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character)[0] in "LM"
