"""The worked example of docs/protocol.md, as messages."""

from __future__ import annotations

from rongan_share.v1.contribution_service_pb2 import ContributeFrame, ContributeOpen
from rongan_share.v1.verdict_service_pb2 import CheckSubjectRequest, VerdictFrame, VerdictOpen
from rongan_share.v1.vocabulary_pb2 import (
    CHANNEL_MOBILE,
    DETAIL_LEVEL_PROVENANCE,
    PURPOSE_SANCTIONS,
    SUITE_HMAC_SHA256,
)
from rongan_share.wire.sources import original_source, reference_from_text
from rongan_share.wire.taxonomy import packaged_taxonomy
from rongan_share.wire.tokens import Tokenizer
from rongan_share.wire.vocabulary import (
    Evidence,
    IdentifierType,
    LegalBasis,
    RowOperation,
    SourceClass,
    Suite,
)

KEY = bytes(range(32))
"""The epoch key of the example."""

NONCE = bytes(range(32))
"""The nonce of its commitments."""

CANONICALS = (
    "rs1|CN_RID|11010519491231002X",
    "rs1|NAME_ID|张三|11010519491231002X",
    "rs1|ORG_NAME|中国工商银行股份有限公司",
    "rs1|CN_USCC|91110000600037341L",
    "rs1|MSISDN|+8613800138000",
)
"""The first three are listed, the fourth is not, the asker may not ask about the last."""

GRANTED_TYPES = tuple(IdentifierType[each.split("|")[1]] for each in CANONICALS[:4])
"""What the agreement of the asker lets it ask about."""

_ROWS = 3
_E4 = packaged_taxonomy().by_code("E4").bit
_TYPES = bytes(IdentifierType[each.split("|")[1]] for each in CANONICALS)
_EVENT_DAY, _EXPIRY_DAY = 20_000, 60_000


def token_of(suite: Suite, canonical: str) -> bytes:
    """Makes a token under the example's key."""
    return Tokenizer(suite, KEY).token(canonical)


def contribution() -> tuple[ContributeOpen, ContributeFrame]:
    """Three rows of two records."""
    documents = [original_source("OFAC-SDN", number) for number in ("36", "36", "173")]
    references = [reference_from_text(text) for text in ("case-1", "case-1", "case-2")]
    frame = ContributeFrame(
        frame_number=1,
        operation=bytes([RowOperation.ADD] * _ROWS),
        reference=b"".join(references),
        type=_TYPES[:_ROWS],
        token=_tokens()[: 16 * _ROWS],
        flags=bytes(_ROWS),
        category=bytes([_E4] * _ROWS),
        severity=bytes([4, 4, 3]),
        evidence=bytes([Evidence.AUTHORITY_DETERMINED] * _ROWS),
        source_class=bytes([SourceClass.INTL_LIST] * _ROWS),
        original_source=b"".join(_little(each, 8) for each in documents),
        legal_basis=bytes([LegalBasis.PUBLIC_RECORD] * _ROWS),
        event_day=_little(_EVENT_DAY, 2) * _ROWS,
        expiry_day=bytes(4) + _little(_EXPIRY_DAY, 2),
    )
    opening = ContributeOpen(stream_id=bytes(range(16)), suite=SUITE_HMAC_SHA256, epoch=1)
    return opening, frame


def stream_question() -> tuple[VerdictOpen, VerdictFrame]:
    """Five tokens of four subjects."""
    opening = VerdictOpen(
        purpose=PURPOSE_SANCTIONS,
        channel=CHANNEL_MOBILE,
        category_bits=1 << _E4,
        source_class_bits=1 << SourceClass.INTL_LIST,
        suite=SUITE_HMAC_SHA256,
        epoch=1,
        detail_level=DETAIL_LEVEL_PROVENANCE,
        batch_id=bytes(range(16, 32)),
        at_least_sequence=1,
    )
    ends = b"".join(_little(end, 4) for end in (2, 3, 4, 5))
    return opening, VerdictFrame(frame_number=1, tokens=_tokens(), types=_TYPES, subject_end=ends)


def check_question() -> CheckSubjectRequest:
    """One token."""
    return CheckSubjectRequest(
        purpose=PURPOSE_SANCTIONS,
        channel=CHANNEL_MOBILE,
        suite=SUITE_HMAC_SHA256,
        epoch=1,
        detail_level=DETAIL_LEVEL_PROVENANCE,
        request_id=bytes(range(32, 48)),
        tokens=_tokens()[:16],
        types=_TYPES[:1],
    )


def _tokens() -> bytes:
    return b"".join(token_of(Suite.HMAC_SHA256, each) for each in CANONICALS)


def _little(value: int, width: int) -> bytes:
    return value.to_bytes(width, "little")
