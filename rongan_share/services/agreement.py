"""AgreementService: what a partner may do, with which key and which categories."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from rongan_share.errors import Reason, RonganError
from rongan_share.services.agreement_messages import agreement_message
from rongan_share.services.call import Call, Outcome
from rongan_share.services.timestamps import timestamp
from rongan_share.v1 import agreement_service_pb2 as pb
from rongan_share.v1 import vocabulary_pb2

if TYPE_CHECKING:
    from rongan_share.model.epoch import Epoch
    from rongan_share.wire.taxonomy import Category


def get_agreement(call: Call, _: pb.GetAgreementRequest) -> Outcome:
    """Answers GetAgreement.

    Raises:
        RonganError: NO_AGREEMENT.
    """
    if call.caller.caller_id not in call.registry.agreements:
        raise RonganError(Reason.NO_AGREEMENT)
    return Outcome(answer=pb.GetAgreementResponse(agreement=agreement_message(call.agreement)))


def get_token_epoch(call: Call, _: pb.GetTokenEpochRequest) -> Outcome:
    """Answers GetTokenEpoch; the entry says which keys were handed to whom."""
    epoch, opening = call.registry.epoch, call.registry.opening
    answer = pb.GetTokenEpochResponse(
        epoch=epoch.number,
        suite=vocabulary_pb2.Suite.ValueType(epoch.suite),
        state=pb.EpochState.ValueType(epoch.state),
        key=_key_of(call, epoch),
        opened_time=timestamp(epoch.opened_ns),
    )
    facts = {"epoch": str(epoch.number)}
    if opening is not None:
        answer.next.CopyFrom(
            pb.NextEpoch(
                epoch=opening.number,
                suite=vocabulary_pb2.Suite.ValueType(opening.suite),
                key=_key_of(call, opening),
                opened_time=timestamp(opening.opened_ns),
            )
        )
        facts["next_epoch"] = str(opening.number)
    return Outcome(answer=answer, facts=facts)


def _key_of(call: Call, epoch: Epoch) -> bytes:
    """Reads the key of an epoch, which must be the one that it was opened with."""
    key = call.hub.epoch_key(epoch.number)
    if hashlib.sha256(key).digest() != epoch.key_digest:
        # Tokens made with another key would all read as not listed.
        raise RonganError(Reason.STORE_FAILED)
    return key


def get_taxonomy(call: Call, _: pb.GetTaxonomyRequest) -> Outcome:
    """Answers GetTaxonomy."""
    taxonomy = call.taxonomy
    categories = [_category_message(category) for category in taxonomy.categories]
    return Outcome(answer=pb.GetTaxonomyResponse(version=taxonomy.version, categories=categories))


def _category_message(category: Category) -> pb.Category:
    return pb.Category(
        code=category.code,
        bit=category.bit,
        name_zh=category.name_zh,
        name_en=category.name_en,
        subject_types=map(vocabulary_pb2.IdentifierType.ValueType, sorted(category.subject_types)),
        purposes=map(vocabulary_pb2.Purpose.ValueType, sorted(category.purposes)),
        default_severity=category.default_severity,
        maximum_severity=category.maximum_severity,
        public=category.public,
        shareable=category.shareable,
        expiry_cap_days=category.expiry_cap_days,
        expiry_optional=category.expiry_optional,
        expiry_rule=category.expiry_rule,
        evidence_required=vocabulary_pb2.Evidence.ValueType(category.evidence_required),
    )
