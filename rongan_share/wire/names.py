"""Names of organisations and persons.

Tokens match exactly, so everything that two writers of one name may do differently is decided here:
case, width, spaces, brackets, middle dots, word order of Latin names. Nothing is guessed beyond
that.
"""

from __future__ import annotations

import re
import unicodedata

from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.normalise import Context, Normalised, unify_punctuation

_ORG_LENGTHS = range(2, 201)
_PERSON_LENGTH = 200

# Ideographs with their iteration mark and zero, then kana.
_IDEOGRAPHS = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
_CJK = f"\u3040-\u30ff\u31f0-\u31ff{_IDEOGRAPHS}"
_IDEOGRAPH = re.compile(f"[{_IDEOGRAPHS}]")
_SPACES = re.compile(" +")
# A bracket beside a CJK character belongs to its script: full-width before folding, it stood
# without spaces.
_SPACE_WITHIN_CJK = re.compile(f"(?<=[{_CJK}]) (?=[{_CJK}()])|(?<=[()]) (?=[{_CJK}])")

# Written apart by NFKC, yet one name: registries and cores differ in which of them they can store.
_VARIANTS = str.maketrans({"\u9ad9": "\u9ad8", "\ufa11": "\u5d0e", "\U00020bb7": "\u5409"})

_CHINESE_LEGAL_FORMS = ("股份有限公司", "有限责任公司", "有限公司", "股份公司")
_LATIN_LEGAL_FORM_WORDS = """
AB AG AS ASA BV CO COLTD COMPANY CORP CORPORATION EOOD FZC FZCO FZE GMBH INC INCORPORATED JSC KG
LIMITED LLC LLP LP LTD LTDA LTEE NV OAO OOD OOO OY PAO PJSC PLC PTE PTY PVT SA SAL SARL SAS SPA SRL
ZAO
"""
_LATIN_LEGAL_FORMS = frozenset(_LATIN_LEGAL_FORM_WORDS.split())
_MINIMUM_ALIAS_LENGTH = 2


def organisation_name(text: str, context: Context) -> Normalised:
    """Normalises the registered name of an organisation (ORG_NAME).

    Upper case, half-width brackets; spaces dropped within CJK text, single elsewhere; the legal
    form and all other punctuation stay.
    """
    folded = unify_punctuation(text, context.field).translate(_VARIANTS)
    upper = unicodedata.normalize("NFKC", folded.upper())
    name = _SPACE_WITHIN_CJK.sub("", _SPACES.sub(" ", upper))
    if len(name) not in _ORG_LENGTHS:
        raise MalformedError(context.field, "needs 2 to 200 characters")
    if not any(character.isalnum() for character in name):
        raise MalformedError(context.field, "holds neither letter nor digit")
    return Normalised(name)


def organisation_aliases(name: str) -> tuple[str, ...]:
    """Gives the normalised name without its legal form, if it has one.

    Contributor and asker both add the token of each alias, so ``ACME CO., LTD.`` meets ``ACME
    LIMITED``.
    """
    bare = _without_chinese_form(name) if _IDEOGRAPH.search(name) else _without_latin_form(name)
    return (bare,) if bare != name and len(bare) >= _MINIMUM_ALIAS_LENGTH else ()


def _without_chinese_form(name: str) -> str:
    for form in _CHINESE_LEGAL_FORMS:
        if name.endswith(form):
            return name.removesuffix(form)
    return name


def _without_latin_form(name: str) -> str:
    words = name.replace(".", "").replace(",", " ").split()
    kept = len(words)
    while kept and words[kept - 1] in _LATIN_LEGAL_FORMS:
        kept -= 1
    return name if kept == len(words) else " ".join(words[:kept])


def person_name(text: str, context: Context) -> Normalised:
    """Normalises the name of a person, by the Chinese rule where it holds an ideograph."""
    folded = unify_punctuation(text, context.field).translate(_VARIANTS)
    if _IDEOGRAPH.search(folded):
        named = _chinese_name(folded, context.field)
    else:
        named = _latin_name(folded, context.field)
    if len(named.value) > _PERSON_LENGTH:
        raise MalformedError(context.field, f"longer than {_PERSON_LENGTH} characters")
    return named


def _chinese_name(folded: str, field: str) -> Normalised:
    """Drops spaces; one middle dot between the parts of a name, which many type as a full stop."""
    compacted = folded.replace(" ", "").replace(".", "\u00b7").upper()
    name = unicodedata.normalize("NFKC", "\u00b7".join(filter(None, compacted.split("\u00b7"))))
    mixed = False
    for position, character in enumerate(name):
        if character == "\u00b7" or _IDEOGRAPH.match(character):
            continue
        if not character.isalpha():
            raise MalformedError(field, "holds a character that no name has", position)
        mixed = True
    return Normalised(name, ("the name mixes scripts",) if mixed else ())


def _latin_name(folded: str, field: str) -> Normalised:
    """Drops marks, turns punctuation into spaces, sorts the words: writers disagree on all."""
    upper = unicodedata.normalize("NFKD", folded).upper()
    decomposed = unicodedata.normalize("NFKD", upper)
    spaced = "".join(
        character if unicodedata.category(character)[0] in "LMN" else " "
        for character in decomposed
        if unicodedata.category(character) != "Mn"
    )
    words = sorted(unicodedata.normalize("NFKC", spaced).split())
    name = " ".join(words)
    if not any(character.isalpha() for character in name):
        raise MalformedError(field, "holds no letter")
    digits = any(character.isnumeric() for character in name)
    return Normalised(name, ("the name holds a digit",) if digits else ())
