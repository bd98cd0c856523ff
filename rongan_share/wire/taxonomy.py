"""The taxonomy: what listings may say, of whom, for whom, how gravely and for how long.

Everything is read from ``taxonomy.toml`` and checked once, so that the walk may trust it. The hub
loads the packaged file; a partner builds the same objects from the hub's reply.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, fields
from functools import cache, cached_property, reduce
from importlib.resources import files
from operator import or_
from typing import TYPE_CHECKING, Final

from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.toml_table import TomlTable
from rongan_share.wire.vocabulary import Evidence, IdentifierType, Purpose, SourceClass

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterable

ALLOWLIST_CODE: Final = "W1"
"""The category of known benign values; it hides other listings instead of being shown."""

NEVER_HIDDEN_FAMILY: Final = "E"
"""Terrorism, sanctions and laundering: the allowlist does not hide them."""

ANY_TYPE: Final = "ANY"
"""Stands for every identifier type in ``subject_types``."""

BIT_COUNT: Final = 64
"""Width of a set of category bits on the wire (fixed64)."""

MAXIMUM_SEVERITY: Final = 4
MAXIMUM_DAYS: Final = 65_535
"""Days are uint16 on the wire."""

_MAXIMUM_VERSION: Final = 2**32 - 1
_CODE = re.compile(r"[A-Z][1-9]")
_NAME = re.compile(r"[A-Za-z0-9_]{1,40}")
_TOP_COLUMNS = ("version", "category", "expiry_rule", "confidence")


@dataclass(frozen=True, slots=True)
class Category:
    """One kind of listing and its limits.

    Attributes:
        code: For people, family letter and number, such as ``E4``.
        bit: 0 to 63, assigned once and never reused.
        name_zh: Name in Chinese.
        name_en: Name in English.
        subject_types: Identifier types it may be said of.
        purposes: Purposes that may ask for it.
        default_severity: 1 to 4, at most ``maximum_severity``.
        maximum_severity: 1 to 4.
        public: Whether the public edition may show it.
        shareable: Whether it may be shared at all.
        expiry_cap_days: Longest time to the expiry day, 0 for no cap.
        expiry_optional: Whether expiry day 0 is allowed.
        expiry_rule: Id of the rule behind the cap.
        evidence_required: Least evidence of a contribution.
    """

    code: str
    bit: int
    name_zh: str
    name_en: str
    subject_types: frozenset[IdentifierType]
    purposes: frozenset[Purpose]
    default_severity: int
    maximum_severity: int
    public: bool
    shareable: bool
    expiry_cap_days: int
    expiry_optional: bool
    expiry_rule: str
    evidence_required: Evidence

    @property
    def family(self) -> str:
        """The letter that the code begins with."""
        return self.code[0]


@dataclass(frozen=True, slots=True)
class ExpiryRule:
    """Why a category expires when it does: id, the rule in one sentence, where it comes from."""

    id: str
    sentence: str
    source: str


@dataclass(frozen=True)
class Taxonomy:
    """All categories that rule at one time.

    Attributes:
        version: From 1; rises with every change.
        categories: Ordered by bit.
        expiry_rules: In the order of the file; empty at a partner.
        base_confidence: 0 to 100 at ``[source class][evidence]``; row 0 and column 0 are unused and
            zero, so that the wire's numbers are indices. Empty at a partner.
    """

    version: int
    categories: tuple[Category, ...]
    expiry_rules: tuple[ExpiryRule, ...] = ()
    base_confidence: tuple[tuple[int, ...], ...] = ()

    def __hash__(self) -> int:
        return hash(self.version)  # every question looks up what was made of its taxonomy

    def find_code(self, code: str) -> Category | None:
        """Finds a category by its code; None when there is no such category."""
        return self._categories_by_code.get(code)

    def by_code(self, code: str) -> Category:
        """Gets a category by its code.

        Raises:
            MalformedError: No category has this code.
        """
        category = self.find_code(code)
        if category is None:
            raise MalformedError("category", "code is not in the taxonomy")
        return category

    def by_bit(self, bit: int) -> Category:
        """Gets a category by its bit number.

        Raises:
            MalformedError: No category has this bit.
        """
        category = self._categories_by_bit.get(bit)
        if category is None:
            raise MalformedError("category", "bit is not in the taxonomy")
        return category

    def bits_for_purpose(self, purpose: Purpose) -> int:
        """The bits of all categories that this purpose may ask for, shareable or not."""
        return self._bits_by_purpose[purpose]

    def bits_of(self, codes: Iterable[str]) -> int:
        """The bits of these codes.

        Raises:
            MalformedError: A code is not in the taxonomy; position is its index.
        """
        bits = 0
        for index, code in enumerate(codes):
            category = self.find_code(code)
            if category is None:
                raise MalformedError("categories", "code is not in the taxonomy", index)
            bits |= 1 << category.bit
        return bits

    def codes_of(self, bits: int) -> tuple[str, ...]:
        """The codes of these bits, ordered by bit.

        A bit that this taxonomy does not know reads ``bit40``: it may come from a newer hub, and
        leaving it out would read as "not listed".

        Raises:
            MalformedError: Not an unsigned 64-bit number.
        """
        if not 0 <= bits < 1 << BIT_COUNT:
            raise MalformedError("category_bits", "must be an unsigned 64-bit number")
        known = self._categories_by_bit
        return tuple(
            known[bit].code if bit in known else f"bit{bit}"
            for bit in range(bits.bit_length())
            if bits >> bit & 1
        )

    @cached_property
    def known_bits(self) -> int:
        """The bits of all categories."""
        return _union(self.categories)

    @cached_property
    def shareable_bits(self) -> int:
        """The bits of the categories that may be shared at all."""
        return _union(c for c in self.categories if c.shareable)

    @cached_property
    def never_hidden_bits(self) -> int:
        """The bits of the family that the allowlist does not hide."""
        return _union(c for c in self.categories if c.family == NEVER_HIDDEN_FAMILY)

    @cached_property
    def allowlist_bit(self) -> int:
        """The bit number (not the mask) of the allowlist."""
        return self.by_code(ALLOWLIST_CODE).bit

    @cached_property
    def _bits_by_purpose(self) -> dict[Purpose, int]:
        return {p: _union(c for c in self.categories if p in c.purposes) for p in Purpose}

    @cached_property
    def _categories_by_code(self) -> dict[str, Category]:
        return {category.code: category for category in self.categories}

    @cached_property
    def _categories_by_bit(self) -> dict[int, Category]:
        return {category.bit: category for category in self.categories}


@cache
def packaged_taxonomy() -> Taxonomy:
    """The taxonomy shipped with this release, read once."""
    path = files("rongan_share.wire").joinpath("taxonomy.toml")
    return parse_taxonomy(path.read_text(encoding="utf-8"))


def parse_taxonomy(text: str) -> Taxonomy:
    """Reads and checks a whole taxonomy file.

    Raises:
        MalformedError: Something is wrong; ``field`` is the category, rule or source class and the
            column, such as ``E4.bit``.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MalformedError("taxonomy", "must be TOML") from error
    top = TomlTable("taxonomy", document, _TOP_COLUMNS)
    rules = tuple(_parse_rule(index, row) for index, row in enumerate(top.items("expiry_rule")))
    _refuse_repeats("id", [(f"expiry_rule.{rule.id}", rule.id) for rule in rules])
    known_rules = frozenset(rule.id for rule in rules)
    categories = [
        _parse_category(index, row, known_rules) for index, row in enumerate(top.items("category"))
    ]
    _refuse_repeats("code", [(c.code, c.code) for c in categories])
    _refuse_repeats("bit", [(c.code, c.bit) for c in categories])
    if all(c.code != ALLOWLIST_CODE for c in categories):
        raise MalformedError(ALLOWLIST_CODE, "is missing")
    return Taxonomy(
        version=top.integer("version", 1, _MAXIMUM_VERSION),
        categories=tuple(sorted(categories, key=lambda c: c.bit)),
        expiry_rules=rules,
        base_confidence=_parse_confidence(top.value("confidence")),
    )


def _parse_category(index: int, value: object, known_rules: frozenset[str]) -> Category:
    row = TomlTable(
        _name_of("category", "code", index=index, row=value), value, _columns_of(Category)
    )
    any_type = row.value("subject_types") == ANY_TYPE
    category = Category(
        code=row.text("code"),
        bit=row.integer("bit", 0, BIT_COUNT - 1),
        name_zh=row.text("name_zh"),
        name_en=row.text("name_en"),
        subject_types=frozenset(IdentifierType)
        if any_type
        else row.members("subject_types", IdentifierType),
        purposes=row.members("purposes", Purpose),
        default_severity=row.integer("default_severity", 1, MAXIMUM_SEVERITY),
        maximum_severity=row.integer("maximum_severity", 1, MAXIMUM_SEVERITY),
        public=row.flag("public"),
        shareable=row.flag("shareable"),
        expiry_cap_days=row.integer("expiry_cap_days", 0, MAXIMUM_DAYS),
        expiry_optional=row.flag("expiry_optional"),
        expiry_rule=row.text("expiry_rule"),
        evidence_required=row.member("evidence_required", Evidence),
    )
    _check_category(row, category, known_rules)
    return category


def _check_category(row: TomlTable, category: Category, known_rules: frozenset[str]) -> None:
    """The rules that span columns."""
    inquiry = Purpose.PUBLIC_INQUIRY in category.purposes
    # The allowlist is never shown, but must work for every purpose.
    inquiry_allowed = category.public or category.code == ALLOWLIST_CODE
    cap_on_optional = category.expiry_optional and category.expiry_cap_days
    for column, rule, holds in (
        ("code", "must be a letter and a digit", _CODE.fullmatch(category.code) is not None),
        (
            "default_severity",
            "must not pass maximum_severity",
            category.default_severity <= category.maximum_severity,
        ),
        ("purposes", "PUBLIC_INQUIRY needs public", inquiry_allowed or not inquiry),
        ("public", "needs the purpose PUBLIC_INQUIRY", inquiry or not category.public),
        ("public", "needs shareable", category.shareable or not category.public),
        ("expiry_cap_days", "must be 0 where expiry is optional", not cap_on_optional),
        ("expiry_rule", "names no rule", category.expiry_rule in known_rules),
    ):
        row.require(column, rule, holds=holds)


def _parse_rule(index: int, value: object) -> ExpiryRule:
    row = TomlTable(
        _name_of("expiry_rule", "id", index=index, row=value), value, _columns_of(ExpiryRule)
    )
    return ExpiryRule(id=row.text("id"), sentence=row.text("sentence"), source=row.text("source"))


def _parse_confidence(value: object) -> tuple[tuple[int, ...], ...]:
    table = TomlTable("confidence", value, SourceClass.__members__)
    unused = (0,) * (len(Evidence) + 1)
    return (unused, *(_parse_source_class(table, source_class) for source_class in SourceClass))


def _parse_source_class(table: TomlTable, source_class: SourceClass) -> tuple[int, ...]:
    name = source_class.name
    row = TomlTable(f"confidence.{name}", table.value(name), Evidence.__members__)
    levels = [0]
    for evidence in Evidence:
        level = row.integer(evidence.name, 0, 100)
        row.require(evidence.name, "must not be below weaker evidence", holds=level >= levels[-1])
        levels.append(level)
    return tuple(levels)


def _name_of(kind: str, key: str, *, index: int, row: object) -> str:
    """What refusals call a row: its code or id if it has one that reads well, else its index."""
    name = row.get(key) if isinstance(row, dict) else None
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        return f"{kind}[{index}]"
    return name if kind == "category" else f"{kind}.{name}"


def _refuse_repeats(column: str, values: Iterable[tuple[str, object]]) -> None:
    seen: set[object] = set()
    for name, value in values:
        if value in seen:
            raise MalformedError(f"{name}.{column}", "is taken by an earlier row")
        seen.add(value)


def _columns_of(noun: type[Category | ExpiryRule]) -> tuple[str, ...]:
    """The columns of the file are the fields of the noun, so that they cannot drift apart."""
    return tuple(field.name for field in fields(noun))


def _union(categories: Iterable[Category]) -> int:
    return reduce(or_, (1 << category.bit for category in categories), 0)
