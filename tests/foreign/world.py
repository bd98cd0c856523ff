"""What foreign clients ask about, and what the SDK makes of the same questions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partner_sdk.client import Client
from partner_sdk.columns import Frame, FrameAnswer
from partner_sdk.verdicts import Summary, Verdict
from rongan_share.audit.entry import Entry
from rongan_share.wire.days import day_of_date
from rongan_share.wire.frames import TOKEN_BYTES
from rongan_share.wire.identifiers import canonicalise
from rongan_share.wire.taxonomy import packaged_taxonomy
from rongan_share.wire.vocabulary import (
    Channel,
    DetailLevel,
    Evidence,
    IdentifierType,
    LegalBasis,
    Purpose,
    RowFlag,
    RowOperation,
    SourceClass,
)
from tests.support.processes import HubProcess, hub_process

LISTED = (
    canonicalise(IdentifierType.PASSPORT, "CHN", "E12345678").text,
    canonicalise(IdentifierType.ORG_NAME, "中国工商银行股份有限公司").text,
    canonicalise(IdentifierType.DOMAIN, "pay-safe-centre.example").text,
)
"""Canonical strings that are listed: the first two under one reference."""

UNLISTED = canonicalise(IdentifierType.CN_USCC, "91110000600037341L").text
"""A canonical string of a type that may be asked about, and that nobody lists."""

NOT_ENTITLED = canonicalise(IdentifierType.MSISDN, "13800138000").text
"""A canonical string of a type that the asker's agreement leaves out."""

SUBJECT_END = (2, 3, 4, 5)
"""Subjects of a frame of all of them, in this order."""

TERMS: Mapping[str, Any] = {
    "purpose": "PURPOSE_SANCTIONS",
    "channel": "CHANNEL_MOBILE",
    "detail_level": "DETAIL_LEVEL_PROVENANCE",
}
"""Why and how it is asked, as JSON of protobuf says it."""

_TYPES = (
    IdentifierType.PASSPORT,
    IdentifierType.ORG_NAME,
    IdentifierType.DOMAIN,
    IdentifierType.CN_USCC,
)
_EXPIRY_DAY = 40_000


@dataclass(frozen=True, slots=True)
class World:
    """A hub that serves, two partners, and the SDK as the partner that asks.

    Attributes:
        hub: The hub.
        giver: Folder of the files of the partner that lists.
        asker: Folder of the files of the partner that asks.
        client: The SDK as the partner that asks.
    """

    hub: HubProcess
    giver: Path
    asker: Path
    client: Client

    def entry(self, index: int) -> Entry:
        """Reads one entry of the audit log."""
        return self.hub.entries()[index]

    def tokens(self, canonicals: Sequence[str]) -> bytes:
        """Makes tokens as the SDK does, joined."""
        return self.client.tokenizer().tokens(canonicals)

    def sdk_check(self, canonicals: Sequence[str], *, at_least: int = 0) -> Verdict:
        """Asks about one subject by the SDK."""
        joined = self.tokens(canonicals)
        tokens = [joined[at : at + TOKEN_BYTES] for at in range(0, len(joined), TOKEN_BYTES)]
        return self.client.check_tokens(
            tokens,
            types=[type_of(each) for each in canonicals],
            purpose=Purpose.SANCTIONS,
            channel=Channel.MOBILE,
            detail=DetailLevel.PROVENANCE,
            at_least_sequence=at_least,
        )

    def sdk_frame(self, canonicals: Sequence[str], subject_end: Sequence[int]) -> FrameAnswer:
        """Asks about a frame by the SDK."""
        types = bytes(type_of(each) for each in canonicals)
        frame = Frame(self.tokens(canonicals), types, subject_end=tuple(subject_end))
        answers = self.client.stream_verdicts(
            [frame],
            purpose=Purpose.SANCTIONS,
            channel=Channel.MOBILE,
            detail=DetailLevel.PROVENANCE,
        )
        (answer,) = answers
        return answer


def type_of(canonical: str) -> IdentifierType:
    """Reads the type that a canonical string names."""
    return IdentifierType[canonical.split("|")[1]]


def reference_of(text: str) -> bytes:
    """Makes a reference, always the same one for a text."""
    return hashlib.sha256(text.encode()).digest()[:16]


def rows() -> list[dict[str, Any]]:
    """Gives the rows that list, integers as they stand in the columns."""
    references = [reference_of("one"), reference_of("one"), reference_of("two")]
    return [
        {
            "canonical": canonical,
            "reference": reference.hex(),
            "operation": int(RowOperation.ADD),
            "flags": int(RowFlag.ORDER) if number == 0 else 0,
            "category": packaged_taxonomy().by_code("E4").bit,
            "severity": 4 - number,
            "evidence": int(Evidence.AUTHORITY_DETERMINED),
            "source_class": int(SourceClass.INTL_LIST),
            "original_source": str(2**63 + number),
            "legal_basis": int(LegalBasis.PUBLIC_RECORD),
            "event_day": 20_000 + number,
            "expiry_day": _EXPIRY_DAY + number,
        }
        for number, (canonical, reference) in enumerate(zip(LISTED, references, strict=True))
    ]


@contextmanager
def world_in(folder: Path) -> Iterator[World]:
    """Makes it for a block."""
    with hub_process(folder / "home") as hub:
        giver = hub.credentials("giver")
        bits = sum(1 << int(each) for each in _TYPES)
        asker = hub.credentials("asker", purposes=[Purpose.SANCTIONS], identifier_type_bits=bits)
        with hub.dial(asker) as client:
            yield World(hub, giver, asker, client)


def summary_facts(summary: Summary | None) -> dict[str, Any] | None:
    """Gives what the SDK read of a summary, in the numbers of the wire."""
    if summary is None:
        return None
    expiry = summary.expiry_date
    return {
        "category_bits": packaged_taxonomy().bits_of(summary.categories),
        "source_class_bits": sum(1 << int(each) for each in summary.source_classes),
        "severity": summary.severity,
        "confidence": summary.confidence,
        "source_count": summary.source_count,
        "expiry_day": 0 if expiry is None else day_of_date(expiry),
        "flags": int(summary.flags),
    }
