"""Ways to reach a subject: mobile numbers, domain names, mail addresses."""

from __future__ import annotations

import re
import string
import unicodedata

import idna

from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.normalise import DIGITS, Context, Normalised, compact, unify

_CHINA = "86"
_CHINA_MOBILE = re.compile(r"1[0-9]{10}")
_CHINA_MOBILE_ASSIGNED = re.compile(r"1[3-9][0-9]{9}")
_INTERNATIONAL = re.compile(r"[1-9][0-9]{6,14}")
_MSISDN_ALPHABET = DIGITS | frozenset("+")

_DOMAIN_LENGTH = 253
_HOST_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_LOCAL_LENGTH = 64
_ADDRESS_LENGTH = 254
_LOCAL_ALPHABET = frozenset(string.ascii_letters + string.digits + "!#$%&'*+/=?^_`{}~-.")


def mobile_number(text: str, context: Context) -> Normalised:
    """Normalises a mobile number (MSISDN) to ``+`` and digits.

    Numbers without a country are Chinese. Of other countries only the length is checked: their
    numbering plans change too often for a rule that both sides must share.

    Source: ITU-T E.164; the Chinese numbering plan for 1[3-9].
    """
    dialled = compact(text, context.field, separators=" -.()", alphabet=_MSISDN_ALPHABET)
    stray = dialled.find("+", 1)
    if stray > 0:
        raise MalformedError(context.field, "only the first character may be +", stray)
    number = _international(dialled)
    if number is None or not _INTERNATIONAL.fullmatch(number):
        raise MalformedError(
            context.field, "needs 11 digits of a Chinese mobile, or + and 7 to 15 digits"
        )
    if not number.startswith(_CHINA):
        return Normalised(f"+{number}")
    national = number.removeprefix(_CHINA)
    if not _CHINA_MOBILE.fullmatch(national):
        raise MalformedError(context.field, "not the form of a Chinese mobile number")
    assigned = _CHINA_MOBILE_ASSIGNED.fullmatch(national)
    return Normalised(f"+{number}", () if assigned else ("the mobile prefix is not assigned",))


def _international(dialled: str) -> str | None:
    """Drops the international prefix, or adds China's code; None where neither fits."""
    if dialled.startswith("+"):
        return dialled[1:]
    if dialled.startswith("00"):
        return dialled[2:]
    if _CHINA_MOBILE.fullmatch(dialled):
        return _CHINA + dialled
    bare = dialled.removeprefix(_CHINA)
    return dialled if bare != dialled and _CHINA_MOBILE.fullmatch(bare) else None


def domain_name(text: str, context: Context) -> Normalised:
    """Normalises a domain name (DOMAIN) to its lower-case ASCII form without the final dot.

    Labels that resolve in practice but break the rules for registered names (underscores, hyphens
    in third and fourth place, other A-labels) are kept and remarked.

    Source: RFC 5891; Unicode Technical Standard 46, non-transitional.
    """
    name = _mapped(unify(text, context.field))
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


def mail_address(text: str, context: Context) -> Normalised:
    """Normalises a mail address (EMAIL): the domain as DOMAIN, the local part kept as written.

    Only the receiving server knows whether case or dots of the local part matter, so they stay.

    Source: RFC 5321 sections 2.4 and 4.1.2; RFC 6531.
    """
    local, at, domain = unify(text, context.field).rpartition("@")
    if not at:
        raise MalformedError(context.field, "needs a local part, @ and a domain")
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
