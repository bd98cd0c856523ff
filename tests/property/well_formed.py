"""Well-formed identifiers of every type, and the ways in which people write one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from hypothesis import strategies as st
from stdnum import luhn
from stdnum.cn import ric, uscc
from stdnum.iso7064 import mod_11_10, mod_97_10

from rongan_share.wire.identifiers import SPECS
from rongan_share.wire.vocabulary import IdentifierType

LATIN_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
ALPHANUMERICS = LATIN_UPPER + DIGITS
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
INVISIBLE = ["\u200b", "\ufeff", "\ufe0f", "\u200f", "\u202a"]
MARGINS = ["", " ", "\u3000", "\u00a0"]

Identifier = tuple[IdentifierType, tuple[str, ...]]
"""A type and its parts as typed."""


@dataclass(frozen=True)
class Part:
    """One part of a type.

    Attributes:
        core: Plain values.
        cased: Whether case says nothing.
        separators: What may stand between two characters without saying anything.
        openings: What may stand before, all meaning the same; the first makes it plain.
        folded: Whether width and invisible signs say nothing.
    """

    core: st.SearchStrategy[str]
    cased: bool = True
    separators: str = ""
    openings: tuple[str, ...] = ("",)
    folded: bool = True


@st.composite
def resident_ids(draw: st.DrawFn) -> str:
    """Makes a well-formed resident identity number with python-stdnum's check character."""
    birth = draw(st.dates(date(1900, 1, 1), date(2020, 12, 31)))
    order = draw(st.integers(1, 999))
    seventeen = f"{draw(st.sampled_from(['110105', '440524', '810000']))}{birth:%Y%m%d}{order:03d}"
    return seventeen + ric.calc_check_digit(seventeen + "0")


@st.composite
def credit_codes(draw: st.DrawFn) -> str:
    """Makes a well-formed social credit code with python-stdnum's check character."""
    region = draw(st.text(DIGITS, min_size=6, max_size=6))
    seventeen = "91" + region + draw(st.text(USCC_ALPHABET, min_size=9, max_size=9))
    return seventeen + uscc.calc_check_digit(seventeen)


def cards() -> st.SearchStrategy[str]:
    """Makes card numbers with python-stdnum's check digit."""
    bare = st.text(DIGITS, min_size=9, max_size=18)
    return bare.map(lambda number: number + luhn.calc_check_digit(number))


@st.composite
def ibans(draw: st.DrawFn) -> str:
    """Makes IBANs of some countries with python-stdnum's check digits."""
    country, length = draw(st.sampled_from([("GB", 22), ("DE", 22), ("MT", 31), ("NO", 15)]))
    account = draw(st.text(ALPHANUMERICS, min_size=length - 4, max_size=length - 4))
    return country + mod_97_10.calc_check_digits(account + country) + account


def ships() -> st.SearchStrategy[str]:
    """Makes ship numbers; the check digit is that of the sum of weighted digits."""

    def checked(bare: str) -> str:
        return bare + str(sum(int(d) * w for d, w in zip(bare, range(7, 1, -1), strict=True)) % 10)

    return form("[1-9][0-9]{5}").map(checked)


def form(pattern: str) -> st.SearchStrategy[str]:
    """Makes texts of a form; ASCII, as the forms are."""
    return st.from_regex(f"(?:{pattern})", fullmatch=True)


def wide(text: str) -> str:
    """Writes a text in full width."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


NUMBER = Part(st.text(DIGITS, min_size=6, max_size=32), separators=" -")
NAME = Part(st.text(LATIN_UPPER, min_size=2, max_size=12) | st.sampled_from(["张三", "張三丰"]))
STATE = Part(st.sampled_from(["CHN", "HKG", "ESP", "USA"]), separators=" ")
DOCUMENT = Part(st.text(ALPHANUMERICS, min_size=5, max_size=14), separators=" -./()")
LICENCES = form("[0-9]{14}").map(lambda bare: bare + mod_11_10.calc_check_digit(bare))
LEIS = form("[0-9A-Z]{18}").map(lambda bare: bare + mod_97_10.calc_check_digits(bare))
IMEIS = form("[0-9]{14}").map(lambda bare: bare + luhn.calc_check_digit(bare))
MAIL_ADDRESSES = st.builds("{}@{}".format, form("[A-Za-z]{1,9}"), form("[a-z]{1,8}[.][a-z]{2,6}"))
HOSTS = form("[a-z]{1,8}[.][a-z]{2,6}")
ADDRESSES = st.sampled_from(["8.8.8.8", "2001:4860::1"]) | st.ip_addresses(
    v=6, network="2600::/12"
).map(str)

PARTS: Mapping[IdentifierType, tuple[Part, ...]] = {
    IdentifierType.CN_RID: (Part(resident_ids(), separators=" -"),),
    IdentifierType.CN_FPR: (Part(form("9[0-9]{16}[0-9X]|[A-Z]{3}[0-9]{12}"), separators=" -"),),
    IdentifierType.PASSPORT: (
        STATE,
        Part(st.text(ALPHANUMERICS, min_size=5, max_size=20), separators=" -"),
    ),
    IdentifierType.CN_HMT_PERMIT: (Part(form("[HM]?[0-9]{8}"), separators=" -()"),),
    IdentifierType.NATIONAL_ID: (STATE, DOCUMENT),
    IdentifierType.TAX_ID: (STATE, DOCUMENT),
    IdentifierType.CN_USCC: (Part(credit_codes(), separators=" -"),),
    IdentifierType.CN_ORG: (Part(form("[0-9A-Z]{8}[0-9X]"), separators=" -"),),
    IdentifierType.CN_LICENCE: (Part(LICENCES, separators=" -"),),
    IdentifierType.LEI: (Part(LEIS, separators=" -"),),
    IdentifierType.PAN: (Part(cards(), separators=" -"),),
    IdentifierType.ACCT: (Part(form("[0-9]{12}"), separators=" -"), NUMBER),
    IdentifierType.ACCT_NAME: (NUMBER, NAME),
    IdentifierType.IBAN: (Part(ibans(), separators=" -", openings=("", "IBAN ", "iban:")),),
    IdentifierType.WALLET: (
        Part(st.sampled_from(["ALIPAY", "WECHATPAY", "ECNY"]), separators=" -_."),
        Part(form("[0-9]{4,20}"), separators=" -()"),
    ),
    IdentifierType.CRYPTO_ADDR: (
        Part(st.sampled_from(["BTC", "ETH", "USDT"]), separators=" -"),
        Part(form("0x[0-9a-f]{40}"), separators=" ", openings=("", "ethereum:")),
    ),
    IdentifierType.MERCHANT: (Part(form("[0-9]{15}"), separators=" -"),),
    IdentifierType.BIC: (Part(form("[A-Z]{4}CN[A-Z0-9]{2}"), separators=" -"),),
    IdentifierType.MSISDN: (
        Part(
            form("1[3-9][0-9]{9}"),
            separators=" -.()/",
            openings=("", "+86", "0086", "86", "0", "+86 (0)", "0086-"),
        ),
    ),
    IdentifierType.PHONE: (
        Part(
            form("(?:10|2[0-9])[2-8][0-9]{7}"),
            separators=" -.()/",
            openings=("0", "+86", "0086", "86", "+86 (0)", "86-0"),
        ),
    ),
    IdentifierType.SHORT: (
        Part(form("[19][0-9]{2,5}"), separators=" -.", openings=("", "+86", "0086 ")),
    ),
    IdentifierType.ORG_NAME: (Part(st.text(LATIN_UPPER, min_size=2, max_size=12)),),
    IdentifierType.PERSON_NAME: (NAME,),
    IdentifierType.NAME_ID: (NAME, Part(resident_ids(), separators=" -./()")),
    IdentifierType.NAME_DOB: (NAME, Part(st.dates(date(1900, 1, 1)).map(str))),
    IdentifierType.IMEI: (Part(IMEIS, separators=" -./"),),
    IdentifierType.MAC: (Part(form("[0-9a-f]{12}"), separators=" :-."),),
    IdentifierType.DEVFP: (Part(form("[0-9a-f]{32}"), separators=" -:{}"),),
    IdentifierType.IP: (Part(ADDRESSES),),
    IdentifierType.DOMAIN: (Part(HOSTS),),
    IdentifierType.URL: (
        Part(
            st.builds("{}/{}".format, HOSTS, form("[A-Za-z0-9]{0,9}")),
            cased=False,
            openings=("https://", "HTTPS://", "https://user@", "https:\\\\", wide("https://")),
            folded=False,
        ),
    ),
    IdentifierType.EMAIL: (Part(MAIL_ADDRESSES, cased=False),),
    IdentifierType.SOCIAL: (
        Part(st.sampled_from(["QQ", "WECHAT", "TELEGRAM"]), separators=" -_."),
        Part(form("[a-z0-9_]{5,20}"), separators=" ", openings=("", "@")),
    ),
    IdentifierType.IMO: (Part(ships(), separators=" -.", openings=("", "IMO", "IMO No. ")),),
}
"""The parts of every type."""

TYPES = st.sampled_from(sorted(SPECS))


@st.composite
def spelled_twice(draw: st.DrawFn) -> tuple[Identifier, Identifier]:
    """Makes an identifier in its plain form, and the same as somebody may type it."""
    identifier_type = draw(TYPES)
    parts = PARTS[identifier_type]
    cores = [draw(part.core) for part in parts]
    plain = tuple(part.openings[0] + core for part, core in zip(parts, cores, strict=True))
    typed = tuple(spelled(draw, part, core) for part, core in zip(parts, cores, strict=True))
    return (identifier_type, plain), (identifier_type, typed)


def spelled(draw: st.DrawFn, part: Part, core: str) -> str:
    """Writes one part in other width and case, with what says nothing before and within."""
    if part.separators:
        at = draw(st.integers(1, len(core)))
        core = core[:at] + draw(st.sampled_from(["", *part.separators])) + core[at:]
    text = draw(st.sampled_from(part.openings)) + core
    if not part.folded:
        return draw(st.sampled_from(MARGINS)) + text + draw(st.sampled_from(MARGINS))
    ways = [text, wide(text)]
    if part.cased:
        ways += [text.lower(), text.upper(), wide(text.lower())]
    typed = "".join(
        character + draw(st.sampled_from(["", "", "", "", *INVISIBLE]))
        for character in draw(st.sampled_from(ways))
    )
    return draw(st.sampled_from(MARGINS)) + typed + draw(st.sampled_from(MARGINS))
