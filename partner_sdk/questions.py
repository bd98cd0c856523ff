"""What is asked: why, where, how much, and who at the partner asks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rongan_share.v1 import vocabulary_pb2
from rongan_share.v1.verdict_service_pb2 import Origin as OriginMessage
from rongan_share.wire.frames import TOKEN_BYTES
from rongan_share.wire.vocabulary import Channel, DetailLevel, Purpose

if TYPE_CHECKING:
    from partner_sdk.agreements import TokenEpoch
    from rongan_share.v1.verdict_service_pb2 import CheckSubjectRequest, VerdictOpen
    from rongan_share.wire.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Origin:
    """Who at the partner asks, in the partner's own pseudonyms; at most 64 bytes of UTF-8 each.

    Attributes:
        branch_code: The branch.
        staff_ref: The person.
        system: The asking system.
        authorization_ref: The subject's authorisation.
    """

    branch_code: str = ""
    staff_ref: str = ""
    system: str = ""
    authorization_ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Why, where and how something is asked.

    Attributes:
        purpose: Why; mandatory, one of the agreement's.
        channel: Where the question arose; mandatory, one of the agreement's.
        categories: Codes asked for; empty = all that the agreement shows.
        detail: How much to show.
        origin: Who asks, or None.
        at_least_sequence: The answer must know this sequence; 0 = any.
    """

    purpose: Purpose
    channel: Channel
    categories: tuple[str, ...] = ()
    detail: DetailLevel = DetailLevel.CATEGORY
    origin: Origin | None = None
    at_least_sequence: int = 0


def fill_question(
    message: CheckSubjectRequest | VerdictOpen,
    question: Question,
    *,
    taxonomy: Taxonomy,
    epoch: TokenEpoch,
) -> None:
    """Fills the fields that a single question and the opening of a stream share.

    Raises:
        MalformedError: A category is not in the taxonomy.
    """
    message.purpose = vocabulary_pb2.Purpose.Value(f"PURPOSE_{question.purpose.name}")
    message.channel = vocabulary_pb2.Channel.Value(f"CHANNEL_{question.channel.name}")
    message.category_bits = taxonomy.bits_of(question.categories)
    message.suite = vocabulary_pb2.Suite.Value(f"SUITE_{epoch.suite.name}")
    message.epoch = epoch.number
    message.detail_level = vocabulary_pb2.DetailLevel.Value(f"DETAIL_LEVEL_{question.detail.name}")
    message.at_least_sequence = question.at_least_sequence
    if question.origin is not None:
        message.origin.CopyFrom(
            OriginMessage(
                branch_code=question.origin.branch_code,
                staff_ref=question.origin.staff_ref,
                system=question.origin.system,
                authorization_ref=question.origin.authorization_ref,
            )
        )


def id_in_epoch(given: bytes, epoch: int) -> bytes:
    """Makes the id under which something is asked in one epoch, the same every time.

    A hub knows a repeated question by its id and its tokens. In another epoch its tokens are
    others, so under the same id it would be refused as another question.

    Args:
        given: The id of the batch or question in every epoch, 16 bytes.
        epoch: Number of the epoch.
    """
    seed = b"rs1-id|" + epoch.to_bytes(4, "little") + given
    return hashlib.sha256(seed).digest()[:TOKEN_BYTES]
