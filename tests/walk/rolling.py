"""Epochs that are opened, promoted and closed by a test, and frames that carry both tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from rongan_share.ledger.cipher import write_key
from rongan_share.v1 import contribution_service_pb2 as contribution_pb
from rongan_share.v1 import operator_service_pb2 as pb
from rongan_share.v1 import vocabulary_pb2
from rongan_share.wire.vocabulary import RowOperation, Suite
from tests.support.hub import HubUnderTest, Stubs
from tests.walk.asking import Row, contribute_frame, contribute_open, fresh, send_frames

GIVING = (RowOperation.ADD, RowOperation.RETOKEN)
"""Rows that carry a token of the epoch that is opening."""


def next_of(token: bytes) -> bytes:
    """Returns the token that the same identifier has in the next epoch."""
    return hashlib.sha256(b"next " + token).digest()[:16]


def open_epoch(hub: HubUnderTest, number: int, suite: Suite = Suite.HMAC_SHA256) -> pb.Epoch:
    """Opens an epoch with a key that is the same in every run."""
    key = hashlib.sha256(b"key of epoch %d" % number).digest()
    path = hub.settings.keys.epoch_keys / f"epoch-{number}.key"
    if not path.exists():
        write_key(path, key)
    digest = hashlib.sha256(key).digest()
    made_by = vocabulary_pb2.Suite.ValueType(suite)
    request = pb.OpenEpochRequest(epoch=number, suite=made_by, key_digest=digest)
    return hub.alice.operators.OpenEpoch(request).epoch


def retoken(row: Row) -> Row:
    """Makes the RETOKEN row of a row's listing."""
    return Row(
        operation=RowOperation.RETOKEN,
        token=row.token,
        reference=row.reference,
        category=row.category,
        type=0,
        severity=0,
        evidence=0,
        source_class=0,
        legal_basis=0,
    )


def both_frame(number: int, rows: Sequence[Row]) -> contribution_pb.ContributeRequest:
    """Makes a frame whose ADD and RETOKEN rows carry next tokens."""
    column = b"".join(next_of(row.token) if row.operation in GIVING else bytes(16) for row in rows)
    return contribute_frame(number, rows, next_token=column)


def contribute_both(
    partner: Stubs, *frames: Sequence[Row], stream_id: bytes | None = None, **terms: object
) -> list[contribution_pb.ContributeResponse]:
    """Sends frames with tokens of epochs 1 and 2, or of others."""
    opening = contribute_open(stream_id or fresh(), **({"next_epoch": 2} | terms))
    numbered = [both_frame(number, rows) for number, rows in enumerate(frames, 1)]
    return send_frames(partner, opening, *numbered)
