"""Other forms of the name of an organisation: without punctuation, without its legal form.

Contributor and asker both add the token of each alias, so ``ACME TRADING CO., LTD.`` meets ``ACME
TRADING LIMITED``. What is left without a legal form may be the name of many: then it is weak.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from rongan_share.wire.names import ORG_LENGTHS, has_ideograph, simplified
from rongan_share.wire.normalise import Alias
from rongan_share.wire.vocabulary import IdentifierType

_CHINESE_FORMS = (
    "股份有限公司",
    "有限责任公司",
    "有限責任公司",
    "有限公司",
    "股份公司",
)
_FORM_LINES = """
AB
AG
AO
APS
AS
ASA
BHD
BV
CJSC
CO
COMPANY
CORP
CORPORATION
DOO
EOOD
FZC
FZCO
FZE
GMBH
INC
INCORPORATED
JOINT STOCK COMPANY
JSC
KG
LIMITED
LIMITED LIABILITY COMPANY
LLC
LLP
LP
LTD
LTDA
LTEE
LTÉE
NV
OAO
OJSC
OOD
OOO
OY
PAO
PJSC
PLC
PRIVATE LIMITED
PRIVATE LTD
PTE
PTY
PVT
S DE RL
S DE RL DE CV
SA
SA DE CV
SAB DE CV
SAL
SAPI DE CV
SARL
SAS
SC DE RL DE CV
SDN BHD
SP ZOO
SPA
SPR DE RL DE CV
SRL
WLL
ZAO
АО
ЗАО
ОАО
ООО
ПАО
"""
# Without spaces: initials are also written apart, with and without full stops.
_FORMS = frozenset(line.replace(" ", "") for line in _FORM_LINES.splitlines() if line)
_MOST_WORDS = 8
_LEADING_WORDS = "AO CJSC JSC LLC OAO OJSC OOO PAO PJSC ZAO АО ЗАО ОАО ООО ПАО"
_LEADING_FORMS = frozenset(_LEADING_WORDS.split())
# Left over from "... and company".
_CONNECTIVES = frozenset({"AND", "ET", "UND", "Y"})
_ARTICLE_WORDS = "A AN DAS DER DIE EL IL LA LAS LE LES LO LOS THE"
_ARTICLES = frozenset(_ARTICLE_WORDS.split())

# Full stops and strokes between single letters: S.A., A/S.
_INITIALS = re.compile(r"(?<![^\W_])(?:[^\W\d_][./])+(?:[^\W\d_](?![^\W_]))?")
_JOINTS = str.maketrans("", "", "./")

_FEW_LETTERS = 4
_FEW_IDEOGRAPHS = 2
_FEWEST_CHARACTERS = ORG_LENGTHS.start


def organisation_aliases(parts: tuple[str, ...]) -> Iterator[Alias]:
    """Gives the name without punctuation or legal form, and Chinese names in simplified characters.

    Simplified ones are weak: characters that differ become one. So is what is left without a legal
    form where that is a single word or very short.
    """
    (name,) = parts
    if not has_ideograph(name):
        yield from _plain_aliases(name)
        return
    simple = simplified(name)
    if simple != name:
        yield Alias(IdentifierType.ORG_NAME, (simple,), weak=True)
    for whole in dict.fromkeys((name, simple)):
        bare = _without_chinese_form(whole)
        if bare != whole and _is_name(bare):
            weak = whole != name or _is_common(bare)
            yield Alias(IdentifierType.ORG_NAME, (bare,), weak=weak)


def _plain_aliases(name: str) -> Iterator[Alias]:
    words = _words(name)
    if _is_name(" ".join(words)):
        yield Alias(IdentifierType.ORG_NAME, (" ".join(words),))
    left = _without_forms(words)
    bare = " ".join(left)
    if left != words and _is_name(bare) and not _ARTICLES.issuperset(left):
        yield Alias(IdentifierType.ORG_NAME, (bare,), weak=_is_common(bare))


def _is_name(text: str) -> bool:
    return sum(map(str.isalnum, text)) >= _FEWEST_CHARACTERS


def _is_common(bare: str) -> bool:
    """Says whether so little is left that others may well be called the same."""
    if has_ideograph(bare):
        return len(bare) <= _FEW_IDEOGRAPHS
    words = [word for word in bare.split(" ") if word not in _ARTICLES]
    return len(words) <= 1 or sum(map(str.isalnum, bare)) <= _FEW_LETTERS


def _words(name: str) -> list[str]:
    """Splits a name at its punctuation; initials become one word."""
    joined = _INITIALS.sub(lambda found: f"{found[0].translate(_JOINTS)} ", name)
    spaced = (c if unicodedata.category(c)[0] in "LMN" else " " for c in joined.replace("'", ""))
    return "".join(spaced).split()


def _without_forms(words: list[str]) -> list[str]:
    left = words
    while left and left[0] in _LEADING_FORMS:
        left = left[1:]
    while count := _form_length(left):
        left = left[:-count]
        if left and left[-1] in _CONNECTIVES:
            left = left[:-1]
    return left


def _form_length(words: list[str]) -> int:
    """Counts the words of the longest legal form at the end."""
    for count in range(min(_MOST_WORDS, len(words)), 0, -1):
        if "".join(words[-count:]) in _FORMS:
            return count
    return 0


def _without_chinese_form(name: str) -> str:
    for form in _CHINESE_FORMS:
        if name.endswith(form):
            return name.removesuffix(form)
    return name
