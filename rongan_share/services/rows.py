"""The rules of contribution rows, checked as columns: each by itself, then against what lives.

A frame is refused for its first bad row; the refusal names row, column and rule, never a value.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rongan_share.columns.owner_keys import OwnerKeys
from rongan_share.errors import Reason, RonganError
from rongan_share.model.listing import VALUE_COLUMNS
from rongan_share.model.registry import HUB_PARTNER_ID
from rongan_share.services.bits import has_bit, is_member
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
    from rongan_share.services.row_terms import Rows, RowTerms
    from rongan_share.wire.taxonomy import Taxonomy

_ALL_FLAGS = sum(RowFlag)
_WITHDRAW_ZERO = ("severity", "evidence", "source_class", "legal_basis", "expiry_day")
_NO_TOKEN = b""
_FRAME_KEYS = OwnerKeys.of_secret(secrets.token_bytes(32))
"""Tells quickly that no identity stands twice in a frame; never stored, so a secret a process.

Its secret keeps contributors from choosing references whose keys meet, which would put every frame
of theirs to the slow comparison.
"""

OTHER_VALUES = "AMEND instead: a live listing with other values exists"
"""Rule that an ADD breaks which differs from its live listing."""

Rule = tuple[str, str, "NDArray[np.bool_]"]
"""Column, rule, and which rows break it."""


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
    """

    pair_rows: NDArray[np.uint32]
    pair_ids: NDArray[np.uint64]
    unchanged_count: int
    amended_count: int
    withdrawn_count: int


def check_rows(terms: RowTerms, frame: ContributionFrame) -> None:
    """Checks every row by itself and against the others of its frame.

    Raises:
        RonganError: ROW_REFUSED for the first bad row.
    """
    _refuse_first([*list_rules(terms, frame), *_identity_rules(frame)])


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
        RonganError: ROW_REFUSED for an ADD that differs from its live listing, or an AMEND or
            WITHDRAW that finds none.
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
                _named_twice(match.query, match.rows, adding),
            ),
        ]
    )
    paired = operation[match.query]
    return Resolved(
        match.query.astype("<u4"),
        match.rows["listing_id"],
        int(np.count_nonzero(paired == RowOperation.ADD)),
        int(np.count_nonzero(paired == RowOperation.AMEND)),
        int(np.count_nonzero(paired == RowOperation.WITHDRAW)),
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
    unnamed = columns["token"] == _NO_TOKEN
    known_type = is_member(IdentifierType, columns["type"])
    yield (
        "operation",
        "ADD, AMEND or WITHDRAW",
        ~(adding | taking | (operation == RowOperation.AMEND)),
    )
    yield "token", "not zero in ADD", adding & unnamed
    yield "type", "a known identifier type", ~known_type & ~(unnamed & (columns["type"] == 0))
    yield "flags", "known flags", (columns["flags"] & ~np.uint8(_ALL_FLAGS)) != 0
    weak = (columns["flags"] & RowFlag.WEAK) != 0
    named = columns["type"] == IdentifierType.PERSON_NAME
    yield "flags", "WEAK for a person's name alone", adding & named & ~weak
    for name in _WITHDRAW_ZERO:
        yield name, "0 in WITHDRAW", taking & (columns[name] != 0)


def _category_rules(terms: RowTerms, frame: Rows) -> Iterator[Rule]:
    columns, table = frame.columns, _category_table(terms.taxonomy)
    category = columns["category"]
    giving = columns["operation"] != RowOperation.WITHDRAW
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
    giving = columns["operation"] != RowOperation.WITHDRAW
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


def _identity_rules(frame: ContributionFrame) -> list[Rule]:
    """One identity once; and one (reference, category) either added or changed, not both."""
    columns, operation = frame.columns, frame.columns["operation"]
    adding = operation == RowOperation.ADD
    mixes = adding.any() and not adding.all()
    if not mixes and not _may_repeat(frame):
        return []
    # An identity is reference, category and token, 33 bytes; what it is mixed by, the first 17.
    pair = np.zeros((frame.row_count, 33), np.uint8)
    pair[:, :16] = np.frombuffer(frame.raw["reference"], np.uint8).reshape(-1, 16)
    pair[:, 16] = columns["category"]
    pair[:, 17:] = np.frombuffer(frame.raw["token"], np.uint8).reshape(-1, 16)
    _, first = np.unique(pair.reshape(-1).view("V33"), return_index=True)
    repeated = np.ones(frame.row_count, np.bool_)
    repeated[first] = False
    mixed = np.zeros(frame.row_count, np.bool_)
    if mixes:
        group = np.ascontiguousarray(pair[:, :17]).reshape(-1).view("V17")
        mixed = ~adding & np.isin(group, group[adding])
    return [
        ("reference", "one identity once in a frame", repeated),
        ("reference", "either added or changed in one frame, not both", mixed),
    ]


def _may_repeat(frame: ContributionFrame) -> bool:
    """Tells whether an identity may stand there twice: equal ones have equal keys."""
    columns = frame.columns
    keys, _ = _FRAME_KEYS.ranges(
        np.zeros(frame.row_count, np.uint32),
        columns["reference"],
        columns["category"],
        token=columns["token"],
    )
    keys.sort()
    return bool((keys[1:] == keys[:-1]).any())


def _named_twice(
    query: NDArray[np.int64], rows: NDArray[np.void], adding: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Marks changing rows that name a listing which an earlier row named already."""
    _, first = np.unique(rows["listing_id"], return_index=True)
    again = np.ones(query.size, np.bool_)
    again[first] = False
    marked = np.zeros(adding.size, np.bool_)
    marked[query[again]] = True
    return marked


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
