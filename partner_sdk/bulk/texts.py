"""Columns of texts whose plain form is told by a pattern.

As with numbers, only what is certainly OK is recognised and everything else is judged singly.
Ideographs are those of Unicode 1.1 but for the one that names write in two ways.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow.compute as pc

from partner_sdk.bulk.arrays import Column
from partner_sdk.bulk.numbers import Check, resident
from rongan_share.wire.countries import ALPHA_2, ISSUERS
from rongan_share.wire.vocabulary import IdentifierType

_IDEOGRAPHS = r"\x{4e00}-\x{9ad8}\x{9ada}-\x{9fa5}"
# Round brackets left out, whose spaces are brought into line.
_PRINTED = "!-'*-{}~"
_LABEL = "[a-z0-9]+(?:-[a-z0-9]+)*"
_DOMAIN = rf"(?:{_LABEL}\.)+[a-z][a-z0-9]*(?:-[a-z0-9]+)*"
_WORD = "[0-9A-Za-z_+-]+"

# Networks that are special or nobody's lie within the first octets left out.
_FIRST_OCTETS = "|".join(
    str(octet) for octet in range(1, 224) if octet not in {10, 100, 127, 169, 172, 192, 198, 203}
)
_PAIR = "[0-9a-f][0-9a-f]"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"

# Anything shorter keeps every limit on parts and whole.
_SHORT = range(2, 64)


@dataclass(frozen=True, slots=True)
class TextRule:
    """How texts of a type are recognised.

    Attributes:
        pattern: The plain form in RE2's syntax.
        lengths: How many characters it may have.
        fold: Brings a column, spaces around trimmed, to the canonical form where it is plain.
        ending: How many last characters, all ASCII, are a number to check; 0 = none.
        check: Tells which of these numbers are plain.
    """

    pattern: str
    lengths: range
    fold: Callable[[Column], Column]
    ending: int = 0
    check: Check | None = None

    def plain(self, column: Column) -> tuple[Column, Column]:
        """Returns the column folded, and which of its rows are plain."""
        folded = self.fold(pc.ascii_trim(column, " "))
        length = pc.utf8_length(folded)
        fits = pc.and_(
            pc.greater_equal(length, self.lengths.start), pc.less(length, self.lengths.stop)
        )
        return folded, pc.and_(fits, pc.match_substring_regex(folded, f"^(?:{self.pattern})$"))


def _as_written(column: Column) -> Column:
    return column


def _organisation(column: Column) -> Column:
    half_width = pc.replace_substring(pc.replace_substring(column, "\uff08", "("), "\uff09", ")")
    return pc.ascii_upper(half_width)


def _fixed_line(column: Column) -> Column:
    """Puts China's code in the place of the zero; area and number may have a separator between."""
    dialled = "^0(10|2[0-9]|[3-9][0-9]{2})[- ]?([2-9][0-9]{6,7})$"
    return pc.replace_substring_regex(column, dialled, r"+86\1\2")


def _network_card(column: Column) -> Column:
    digits = pc.ascii_lower(pc.replace_substring_regex(column, "[:-]", ""))
    return pc.replace_substring_regex(digits, f"^{'(..)' * 6}$", r"\1:\2:\3:\4:\5:\6")


TEXT_RULES: Mapping[IdentifierType, TextRule] = {
    # It begins with a letter or digit, since it must have one; spaces only where no ideograph is.
    IdentifierType.ORG_NAME: TextRule(
        rf"[0-9A-Z][{_PRINTED}]*(?: [{_PRINTED}]+)*(?: \([{_PRINTED}]+(?: [{_PRINTED}]+)*\))?"
        rf"(?: [{_PRINTED}]+)*"
        rf"|(?:[0-9A-Z]|[{_IDEOGRAPHS}]\(?)(?:[{_PRINTED}]|\)?[{_IDEOGRAPHS}]\(?)*\)?",
        range(2, 201),
        _organisation,
    ),
    IdentifierType.PERSON_NAME: TextRule(f"[{_IDEOGRAPHS}]+", _SHORT, _as_written),
    IdentifierType.DOMAIN: TextRule(_DOMAIN, _SHORT, pc.ascii_lower),
    # Its domain in lower case, because its local part is kept as written.
    IdentifierType.EMAIL: TextRule(rf"{_WORD}(?:\.{_WORD})*@{_DOMAIN}", _SHORT, _as_written),
    IdentifierType.NAME_ID: TextRule(
        rf"[{_IDEOGRAPHS}]+\|[0-9]{{17}}[0-9X]", _SHORT, pc.ascii_upper, 18, resident
    ),
    **dict.fromkeys(
        (IdentifierType.PASSPORT, IdentifierType.NATIONAL_ID, IdentifierType.TAX_ID),
        TextRule(
            rf"(?:{'|'.join(sorted(ISSUERS))})\|[A-Z]{{0,2}}[0-9]{{5,12}}", _SHORT, pc.ascii_upper
        ),
    ),
    # Branches are judged singly, since one of them is dropped.
    IdentifierType.BIC: TextRule(
        f"[0-9A-Z]{{4}}(?:{'|'.join(sorted(ALPHA_2))})[0-9A-Z]{{2}}", _SHORT, pc.ascii_upper
    ),
    # Area and number of a Chinese fixed line.
    IdentifierType.PHONE: TextRule(
        r"\+86(?:(?:10|2[0-9])[2-9][0-9]{7}|[3-9][0-9]{2}[2-9][0-9]{6,7})", _SHORT, _fixed_line
    ),
    # Neither a group's nor locally administered, and not all zeros.
    IdentifierType.MAC: TextRule(
        rf"(?:[1-9a-f][048c]:{_PAIR}|0[48c]:{_PAIR}|00:(?:[1-9a-f][0-9a-f]|0[1-9a-f]))"
        rf"(?::{_PAIR}){{4}}",
        _SHORT,
        _network_card,
    ),
    IdentifierType.IP: TextRule(rf"(?:{_FIRST_OCTETS})(?:\.{_OCTET}){{3}}", _SHORT, _as_written),
}
"""The types recognised so."""
