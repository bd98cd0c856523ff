"""What each partner has spent of its quotas: one small value a partner and meter."""

from __future__ import annotations

import struct

from rongan_share.ledger.environment import Table, Transaction
from rongan_share.model.quota import Meter, QuotaState

_STATE = struct.Struct("<QIQIQ")


def get_quota_state(txn: Transaction, partner_number: int, meter: Meter) -> QuotaState:
    """Returns what was spent; nothing for a partner that has not called yet."""
    payload = txn.get(Table.QUOTAS, _key(partner_number, meter))
    return QuotaState() if payload is None else QuotaState(*_STATE.unpack(payload))


def put_quota_state(
    txn: Transaction, partner_number: int, meter: Meter, *, state: QuotaState
) -> None:
    """Records what was spent."""
    payload = _STATE.pack(
        state.theoretical_ns, state.day, state.day_spent, state.month, state.month_spent
    )
    txn.put(Table.QUOTAS, _key(partner_number, meter), payload)


def _key(partner_number: int, meter: Meter) -> bytes:
    return partner_number.to_bytes(4, "big") + bytes([meter])
