"""Agreements in words: what is read, what is refused, and that nothing is lost on the way back."""

from __future__ import annotations

import pytest

from rongan_share.cli.agreement_words import (
    format_words,
    message_of_words,
    parse_words,
    words_of_message,
)
from rongan_share.model.agreement import ALL_TYPES
from rongan_share.wire.days import day_of_date
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.taxonomy import packaged_taxonomy
from rongan_share.wire.vocabulary import Channel, DetailLevel, IdentifierType, SourceClass
from tests.cli.hub_process import AGREEMENT

TEXT = AGREEMENT.format(partner="bank-a")
TAXONOMY = packaged_taxonomy()


def test_words_become_numbers_and_bits() -> None:
    """Each word of the file stands in the message as its number or bit."""
    words = parse_words(TEXT)
    message = message_of_words(words, TAXONOMY)
    assert message.partner_id == "bank-a"
    assert message.end_day == day_of_date(words.end_date)
    assert [Channel(n) for n in message.channels] == [Channel.MOBILE, Channel.BATCH]
    assert TAXONOMY.codes_of(message.category_bits) == ("A1", "E4")
    assert message.source_class_bits == 1 << SourceClass.POLICE | 1 << SourceClass.INTL_LIST
    assert DetailLevel(message.detail_level) is DetailLevel.CATEGORY
    assert message.identifier_type_bits == ALL_TYPES
    assert message.query_quota.burst_count == 20_000
    assert message.contribution.source_class_bits == 1 << SourceClass.INTL_LIST


@pytest.mark.parametrize("types", ['"ALL"', "[]", '["CN_RID", "PAN"]'])
def test_round_trip(types: str) -> None:
    """File, words, message, words, file: the same file, limited to types or not."""
    text = TEXT.replace('identifier_types = "ALL"', f"identifier_types = {types}")
    message = message_of_words(parse_words(text), TAXONOMY)
    assert format_words(words_of_message(message, TAXONOMY)) + "\n" == text


def test_types_become_bits() -> None:
    """A list of types sets exactly their bits."""
    text = TEXT.replace('"ALL"', '["CN_RID", "PAN"]')
    message = message_of_words(parse_words(text), TAXONOMY)
    expected = 1 << IdentifierType.CN_RID | 1 << IdentifierType.PAN
    assert message.identifier_type_bits == expected


def test_newer_word_is_shown_and_not_lost_silently() -> None:
    """A category, channel or type that this program does not know reads as its bit."""
    message = message_of_words(parse_words(TEXT), TAXONOMY)
    message.category_bits |= 1 << 63
    message.identifier_type_bits = 1 << 63
    words = words_of_message(message, TAXONOMY)
    assert words.categories == ("A1", "E4", "bit63")
    assert words.identifier_types == ("bit63",)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("burst", "burts", "burts"),
        ("channels =", "chanels =", "chanels"),
        ('detail_level = "CATEGORY"\n', "", "detail_level"),
        ("burst = 20000", "burst = 0", "burst"),
        ('"ALL"', '"SOME"', "identifier_types"),
        ("2020-01-01", '"yesterday"', "start_date"),
        ("2020-01-01", "2020-13-01", "line"),
    ],
)
def test_file_of_another_form_is_refused(old: str, new: str, named: str) -> None:
    """A key that is unknown, missing or of another kind is named."""
    with pytest.raises(ValueError, match=named):
        parse_words(TEXT.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"MOBILE"', '"MOBIL"', "channels"),
        ('"A1"', '"Z9"', "categories"),
        ('"POLICE"', '"police"', "source_classes"),
        ('"CATEGORY"', '"ALL"', "detail_level"),
        ("2020-01-01", "1969-12-31", "day"),
    ],
)
def test_unknown_word_is_refused(old: str, new: str, field: str) -> None:
    """A word outside its vocabulary is refused, and the key it stands under is named."""
    with pytest.raises(MalformedError) as caught:
        message_of_words(parse_words(TEXT.replace(old, new)), TAXONOMY)
    assert caught.value.field == field
