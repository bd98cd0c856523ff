"""Rows of an import, judged block by block by the rules of Contribute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from rongan_share.model.listing import LISTING_DTYPE, VALUE_COLUMNS
from rongan_share.services.rows import find_differing, list_rules
from rongan_share.wire.vocabulary import RowOperation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rongan_share.columns.snapshot import Snapshot
    from rongan_share.services.row_terms import RowTerms, Rule

TWICE = "one identity once in a file"
"""Rule that a row breaks whose reference, category and token a row before it has."""

ONLY_ADD = "ADD, which is all that an import does"
"""Rule of the operation."""


DIFFERS = "a live listing differs; its partner changes it: `rongan contribute` with AMEND"
"""Rule that a row breaks which says something else than a live listing of its identity."""


class ImportRows(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of a file as the columns of Contribute, tokens as the partner made them.

    Attributes:
        columns: By name, without `next_token`.
        consent_named: Whether a legal basis' reference was given.
    """

    columns: dict[str, NDArray[Any]]
    consent_named: bool

    @property
    def row_count(self) -> int:
        """How many."""
        return int(self.columns["type"].size)


def find_broken(terms: RowTerms, rows: ImportRows) -> list[Rule]:
    """Returns the rules that rows break by themselves."""
    amiss = rows.columns["operation"] != RowOperation.ADD
    rules: list[Rule] = [("operation", ONLY_ADD, amiss), *list_rules(terms, rows)]
    return [rule for rule in rules if rule[2].any()]


def compare_with_live(
    terms: RowTerms, rows: ImportRows, snapshot: Snapshot, *, enciphered: NDArray[np.bytes_]
) -> tuple[NDArray[np.bool_], list[Rule]]:
    """Compares rows with the contributor's own live listings.

    Returns:
        Which rows say what a live listing says already, and the rule that rows break which say
        something else.
    """
    columns = rows.columns
    match = snapshot.find_owned(
        terms.partner_number, columns["reference"], columns["category"], token=enciphered
    )
    unchanged = np.zeros(rows.row_count, np.bool_)
    unchanged[match.query] = True
    differs = find_differing(columns, match)
    broken = [("reference", DIFFERS, differs)] if differs.any() else []
    return unchanged & ~differs, broken


def listings_of(
    columns: dict[str, NDArray[Any]], *, first_place: int, contributor: int, epoch: int
) -> NDArray[np.void]:
    """Returns rows as listings whose ids are counted from the beginning of the import.

    Args:
        columns: The columns, tokens enciphered.
        first_place: Place of the first row in the import.
        contributor: Partner number.
        epoch: Epoch of the tokens.
    """
    count = columns["type"].size
    rows = np.zeros(count, LISTING_DTYPE)
    rows["listing_id"] = np.arange(first_place, first_place + count)
    rows["contributor"] = contributor
    rows["epoch"] = epoch
    for name in ("token", "reference", "category", *VALUE_COLUMNS):
        rows[name] = columns[name]
    return rows
