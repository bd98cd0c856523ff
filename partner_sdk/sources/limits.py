"""What a hub would refuse of a row, as far as taxonomy and agreement tell it beforehand.

The hub's own check is the one that counts; this one names line, column and limit of every row
before anything is sent, where the hub stops at the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from rongan_share.wire.days import date_of_day, day_of_date
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.taxonomy import ALLOWLIST_CODE
from rongan_share.wire.vocabulary import (
    Evidence,
    IdentifierType,
    LegalBasis,
    ProductLine,
    RowOperation,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from partner_sdk.agreements import Agreement, TokenEpoch
    from partner_sdk.sources.rows import ParsedRow
    from rongan_share.wire.taxonomy import Category, Taxonomy


@dataclass(frozen=True)
class RowLimits:
    """The limits of one partner on one day.

    Attributes:
        taxonomy: The hub's.
        find_agreement: Gets the agreement in force; not called for WITHDRAW, which needs none.
        today: The day in Asia/Shanghai.
        names_consent: Whether a reference of the consent goes with the rows.
        find_epoch: Gets the epochs whose tokens rows carry; None = suites are not checked.
    """

    taxonomy: Taxonomy
    find_agreement: Callable[[], Agreement]
    today: date
    names_consent: bool = False
    find_epoch: Callable[[], TokenEpoch] | None = None

    @cached_property
    def _agreement(self) -> Agreement:
        return self.find_agreement()

    @cached_property
    def _epoch(self) -> TokenEpoch | None:
        return self.find_epoch() if self.find_epoch else None

    @cached_property
    def _day(self) -> int:
        return day_of_date(self.today)

    def verify(self, row: ParsedRow) -> None:
        """Checks a row that was parsed with the same taxonomy.

        Raises:
            MalformedError: With column and limit.
        """
        if row.operation is RowOperation.WITHDRAW:
            return
        category = self.taxonomy.by_bit(row.category)
        self._verify_rights(row, category)
        if row.operation is RowOperation.ADD:
            self._verify_suites()
        self._verify_values(row, category)
        self._verify_days(row, category)

    def _verify_rights(self, row: ParsedRow, category: Category) -> None:
        agreement = self._agreement
        if ProductLine.CONTRIBUTE not in agreement.product_lines:
            raise MalformedError("", "the agreement does not grant the product line CONTRIBUTE")
        _demand(
            category.code != ALLOWLIST_CODE and category.shareable,
            "category",
            f"{category.code} may not be shared",
        )
        _demand(
            category.code in agreement.contributed_categories,
            "category",
            f"the agreement lets you contribute {_names(agreement.contributed_categories)}",
        )
        source_classes = agreement.contributed_source_classes
        _demand(
            row.source_class in source_classes,
            "source_class",
            f"the agreement lets you speak for {_names(each.name for each in source_classes)}",
        )

    def _verify_suites(self) -> None:
        epoch, suites = self._epoch, self._agreement.suites
        if epoch is None:
            return
        carried = [(epoch.number, epoch.suite)]
        if epoch.next is not None:
            carried.append((epoch.next.number, epoch.next.suite))
        for number, suite in carried:
            _demand(
                suite in suites,
                "",
                f"tokens of epoch {number} are made with {suite.name}, and the agreement grants "
                f"{_names(each.name for each in suites)}",
            )

    def _verify_values(self, row: ParsedRow, category: Category) -> None:
        code = category.code
        if row.operation is RowOperation.ADD and row.canonical is not None:
            types = [each for each in IdentifierType if each in category.subject_types]
            _demand(
                row.canonical.type in types,
                "type",
                f"{code} is said of {_names(each.name for each in types)}",
            )
        _demand(
            1 <= row.severity <= category.maximum_severity,
            "severity",
            f"{code} has 1 to {category.maximum_severity}",
        )
        _demand(
            row.evidence >= category.evidence_required,
            "evidence",
            f"{code} needs {_names(each.name for each in _from(category.evidence_required))}",
        )
        _demand(
            self.names_consent or row.legal_basis != LegalBasis.CONSENT,
            "legal_basis",
            "CONSENT needs --legal-basis-ref",
        )

    def _verify_days(self, row: ParsedRow, category: Category) -> None:
        code, last = category.code, self._day + category.expiry_cap_days
        today = self.today.isoformat()
        _demand(row.event_day <= self._day, "event_date", f"not after today, {today}")
        if row.expiry_day == 0:
            _demand(category.expiry_optional, "expiry_date", f"{code} must have one")
            return
        _demand(row.expiry_day >= self._day, "expiry_date", f"not before today, {today}")
        _demand(
            not category.expiry_cap_days or row.expiry_day <= last,
            "expiry_date",
            f"{code} holds {category.expiry_cap_days} days at most, today until "
            f"{date_of_day(min(last, _LAST_DAY))}",
        )


_LAST_DAY = 65_535


def _from(least: Evidence) -> list[Evidence]:
    return [each for each in Evidence if each >= least]


def _names(names: Iterable[str]) -> str:
    return " ".join(names) or "nothing"


def _demand(truth: bool, column: str, rule: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not truth:
        raise MalformedError(column, rule)
