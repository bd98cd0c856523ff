"""The rules of contribution rows, checked as columns: each by itself, then against what lives.

A frame is refused for its first bad row; the refusal names row, column and rule, never a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rongan_share.errors import Reason, RonganError
from rongan_share.model.listing import VALUE_COLUMNS
from rongan_share.model.registry import HUB_PARTNER_ID
from rongan_share.services.bits import has_bit, is_member
from rongan_share.services.row_identities import identity_rules, named_twice
from rongan_share.services.row_tokens import retoken_rules
from rongan_share.wire.vocabulary import (
    Evidence,
    IdentifierType,
    LegalBasis,
    RowFlag,
    RowOperation,
    SourceClass,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rongan_share.columns.run import Matches
    from rongan_share.columns.snapshot import Snapshot
    from rongan_share.services.frames import ContributionFrame
    from rongan_share.services.row_terms import Rows, RowTerms, Rule
    from rongan_share.wire.taxonomy import Taxonomy

_ALL_FLAGS = sum(RowFlag)
_WITHDRAW_ZERO = ("severity", "evidence", "source_class", "legal_basis", "expiry_day")
_NO_TOKEN = b""
OTHER_VALUES = "AMEND instead: a live listing with other values exists"
"""Rule that an ADD breaks which differs from its live listing."""


@dataclass(frozen=True, slots=True)
class _CategoryTable:
    """The taxonomy as arrays over bit numbers 0 to 255; unknown bits are not contributable."""

    known: NDArray[np.bool_]
    shareable: NDArray[np.bool_]
    maximum_severity: NDArray[np.uint8]
    evidence_required: NDArray[np.uint8]
    cap_days: NDArray[np.int64]
    expiry_optional: NDArray[np.bool_]
    subject_types: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Resolved:
    """Which listings the rows of a frame are about.

    Attributes:
        pair_rows: Row of each (row, listing id) pair, ascending.
        pair_ids: Its listing id.
        unchanged_count: ADD rows that found an equal live listing.
        amended_count: Listings to be amended.
        withdrawn_count: Listings to be withdrawn.
        retokened_count: Listings to be found by the opening epoch's tokens too.
    """

    pair_rows: NDArray[np.uint32]
    pair_ids: NDArray[np.uint64]
    unchanged_count: int
    amended_count: int
    withdrawn_count: int
    retokened_count: int


def check_rows(terms: RowTerms, frame: ContributionFrame) -> None:
    """Checks every row by itself and against the others of its frame.

    Raises:
        RonganError: ROW_REFUSED for the first bad row.
    """
    _refuse_first([*list_rules(terms, frame), *retoken_rules(frame), *identity_rules(frame)])


def list_rules(terms: RowTerms, rows: Rows) -> list[Rule]:
    """Returns every rule that a row must keep by itself, and the rows that break it."""
    return [*_form_rules(rows), *_category_rules(terms, rows), *_value_rules(terms, rows)]


def resolve_rows(
    terms: RowTerms, frame: ContributionFrame, snapshot: Snapshot, *, enciphered: NDArray[np.bytes_]
) -> Resolved:
    """Finds the contributor's own live listings that the rows name.

    Args:
        terms: Whose rows they are.
        frame: The frame, its rows checked.
        snapshot: Look-ups that know every frame this partner has had accepted.
        enciphered: The token column under the hub's key, zero where the row names none.

    Raises:
        RonganError: ROW_REFUSED for an ADD that differs from its live listing, or an AMEND,
            WITHDRAW or RETOKEN that finds none.
    """
    columns, operation = frame.columns, frame.columns["operation"]
    match = snapshot.find_owned(
        terms.partner_number, columns["reference"], columns["category"], token=enciphered
    )
    found = np.zeros(frame.row_count, np.bool_)
    found[match.query] = True
    adding = operation == RowOperation.ADD
    differs = find_differing(columns, match)
    bare = np.zeros(frame.row_count, np.bool_)
    bare[match.query[match.rows["type"] == IdentifierType.PERSON_NAME]] = True
    amending = operation == RowOperation.AMEND
    strong = (columns["flags"] & RowFlag.WEAK) == 0
    _refuse_first(
        [
            ("flags", "WEAK for a person's name alone", amending & bare & strong),
            ("reference", OTHER_VALUES, adding & differs),
            (
                "reference",
                "no live listing of this reference, category and token",
                ~adding & ~found,
            ),
            (
                "reference",
                "names a listing that another row names",
                named_twice(match.query, match.rows, adding),
            ),
        ]
    )
    paired = operation[match.query]
    return Resolved(
        match.query.astype("<u4"),
        match.rows["listing_id"],
        # An ADD may find several: RETOKEN may have given them one token.
        int(np.count_nonzero(adding & found)),
        int(np.count_nonzero(paired == RowOperation.AMEND)),
        int(np.count_nonzero(paired == RowOperation.WITHDRAW)),
        int(np.count_nonzero(paired == RowOperation.RETOKEN)),
    )


def find_differing(columns: dict[str, NDArray[Any]], match: Matches) -> NDArray[np.bool_]:
    """Marks the rows that say something else than a live listing which they name."""
    differs = np.zeros(columns["type"].size, np.bool_)
    for name in VALUE_COLUMNS:
        unequal = match.rows[name] != columns[name][match.query]
        differs[match.query[unequal]] = True
    return differs


def _form_rules(frame: Rows) -> Iterator[Rule]:
    columns, operation = frame.columns, frame.columns["operation"]
    adding, taking = operation == RowOperation.ADD, operation == RowOperation.WITHDRAW
    retokening = operation == RowOperation.RETOKEN
    unnamed = columns["token"] == _NO_TOKEN
    known_type = is_member(IdentifierType, columns["type"])
    yield "operation", "ADD, AMEND, WITHDRAW or RETOKEN", ~is_member(RowOperation, operation)
    yield "token", "not zero in ADD", adding & unnamed
    typeless = (unnamed | retokening) & (columns["type"] == 0)
    yield "type", "a known identifier type", ~known_type & ~typeless
    yield "flags", "known flags", (columns["flags"] & ~np.uint8(_ALL_FLAGS)) != 0
    weak = (columns["flags"] & RowFlag.WEAK) != 0
    named = columns["type"] == IdentifierType.PERSON_NAME
    yield "flags", "WEAK for a person's name alone", adding & named & ~weak
    for name in _WITHDRAW_ZERO:
        yield name, "0 in WITHDRAW", taking & (columns[name] != 0)


def _giving(columns: dict[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Marks the rows that say something of a subject."""
    operation: NDArray[np.uint8] = columns["operation"]
    return np.isin(operation, (RowOperation.ADD, RowOperation.AMEND))


def _category_rules(terms: RowTerms, frame: Rows) -> Iterator[Rule]:
    columns, table = frame.columns, _category_table(terms.taxonomy)
    category = columns["category"]
    giving = _giving(columns)
    yield "category", "a category of the taxonomy", ~table.known[category]
    if not giving.any():
        return
    rights = terms.rights
    yield "category", "one that may be shared", giving & ~table.shareable[category]
    yield (
        "category",
        "one that the agreement lets you contribute",
        giving & ~has_bit(rights.category_bits, category),
    )
    if terms.partner_id != HUB_PARTNER_ID:
        allowing = category == terms.taxonomy.allowlist_bit
        yield "category", "the allowlist is the hub's own", giving & allowing
    adding = columns["operation"] == RowOperation.ADD
    yield (
        "type",
        "one that the category is said of",
        adding & ~table.subject_types[category, columns["type"]],
    )
    source_class = columns["source_class"]
    known = is_member(SourceClass, source_class)
    yield "source_class", "a known source class", giving & ~known
    yield (
        "source_class",
        "one that the agreement lets you speak for",
        giving & known & ~has_bit(rights.source_class_bits, source_class),
    )


def _value_rules(terms: RowTerms, frame: Rows) -> Iterator[Rule]:
    columns, table = frame.columns, _category_table(terms.taxonomy)
    category, expiry = columns["category"], columns["expiry_day"].astype(np.int64)
    giving = _giving(columns)
    severity, evidence = columns["severity"], columns["evidence"]
    yield (
        "severity",
        "1 to the category's maximum",
        giving & ((severity < 1) | (severity > table.maximum_severity[category])),
    )
    yield (
        "evidence",
        "known, and as strong as the category demands",
        giving
        & (
            (evidence < table.evidence_required[category])
            | (evidence > max(Evidence))
            | (evidence < 1)
        ),
    )
    basis = columns["legal_basis"]
    yield "legal_basis", "a known legal basis", giving & ~is_member(LegalBasis, basis)
    if not frame.consent_named:
        yield (
            "legal_basis",
            "CONSENT with a reference in open",
            giving & (basis == LegalBasis.CONSENT),
        )
    yield "event_day", "not in the future", giving & (columns["event_day"] > terms.day)
    endless = expiry == 0
    yield (
        "expiry_day",
        "a last day, which this category must have",
        giving & endless & ~table.expiry_optional[category],
    )
    yield "expiry_day", "not in the past", giving & ~endless & (expiry < terms.day)
    cap = table.cap_days[category]
    yield "expiry_day", "within the category's cap", giving & (cap > 0) & (expiry > terms.day + cap)


def _refuse_first(rules: list[Rule]) -> None:
    """Refuses the lowest bad row, for the first rule that it breaks."""
    worst: tuple[int, str, str] | None = None
    for column, rule, broken in rules:
        if broken.any():
            row = int(np.argmax(broken))
            if worst is None or row < worst[0]:
                worst = (row, column, rule)
    if worst is not None:
        raise RonganError(Reason.ROW_REFUSED, row=worst[0], column=worst[1], rule=worst[2])


@cache
def _category_table(taxonomy: Taxonomy) -> _CategoryTable:
    table = _CategoryTable(
        np.zeros(256, np.bool_),
        np.zeros(256, np.bool_),
        np.zeros(256, np.uint8),
        np.full(256, 255, np.uint8),
        np.zeros(256, np.int64),
        np.zeros(256, np.bool_),
        np.zeros((256, 256), np.bool_),
    )
    for category in taxonomy.categories:
        bit = category.bit
        table.known[bit] = True
        table.shareable[bit] = category.shareable
        table.maximum_severity[bit] = category.maximum_severity
        table.evidence_required[bit] = category.evidence_required
        table.cap_days[bit] = category.expiry_cap_days
        table.expiry_optional[bit] = category.expiry_optional
        table.subject_types[bit, [int(kind) for kind in category.subject_types]] = True
    return table
