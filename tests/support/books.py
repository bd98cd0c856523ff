"""What a hub's ledger says of itself, read from outside: the facts that no crash may bend."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

from rongan_share.audit.entry import parse_entry
from rongan_share.audit.verify import LogFault, verify_log
from rongan_share.ledger.counters import get_list_sequence
from rongan_share.ledger.entries import find_disclosure, list_entries
from rongan_share.ledger.environment import Transaction
from rongan_share.ledger.journal import JournalFrame, list_frames
from rongan_share.ledger.objects import load_registry
from rongan_share.ledger.quotas import get_quota_state
from rongan_share.model.quota import Meter
from rongan_share.wire.frames import LISTING_ROW_BITS
from tests.support.processes import HubProcess


@dataclass(frozen=True, slots=True)
class Books:
    """The accounts of a hub.

    Attributes:
        sequences: Sequences of the journal, in its order.
        list_sequence: The last one as the hub keeps it.
        numbers: Partner numbers by id.
        rows: Rows of accepted frames by partner.
        spent: What each partner has spent, by partner and meter.
        charged: What the log says that each was charged, likewise.
        shape: Everything that the journal says but tokens and times, which differ from hub to hub.
    """

    sequences: list[int]
    list_sequence: int
    numbers: dict[str, int]
    rows: dict[str, int]
    spent: dict[tuple[str, Meter], int]
    charged: dict[tuple[str, Meter], int]
    shape: list[tuple[object, ...]]

    def verify(self) -> None:
        """Fails unless the journal has no gap and everything was paid for exactly once.

        All rows must be such as cost something: no withdrawals.
        """
        assert list(range(1, self.list_sequence + 1)) == self.sequences
        assert self.charged == self.spent
        for partner_id in self.numbers:
            assert self.rows[partner_id] == self.spent[partner_id, Meter.CONTRIBUTION]


def read_books(hub: HubProcess) -> Books:
    """Reads the accounts of a hub that serves or was killed."""
    with hub.ledger() as ledger, ledger.read() as txn:
        numbers = {name: each.number for name, each in load_registry(txn).partners.items()}
        accounts = [(name, meter) for name in numbers for meter in Meter]
        frames = list(list_frames(txn, 0))
        rows = Counter(dict.fromkeys(numbers.values(), 0))
        for frame in frames:
            rows[frame.header.partner_number] += frame.header.row_count
        return Books(
            [frame.sequence for frame in frames],
            get_list_sequence(txn),
            numbers,
            {name: rows[number] for name, number in numbers.items()},
            {
                (name, meter): get_quota_state(txn, numbers[name], meter).month_spent
                for name, meter in accounts
            },
            dict.fromkeys(accounts, 0) | _charged(txn),
            [_shape(frame) for frame in frames],
        )


def fault_of_log(hub: HubProcess) -> LogFault | None:
    """Re-derives the log of a hub that serves or was killed; None if all of it holds."""
    with hub.ledger() as ledger:
        return verify_log(ledger, on_progress=lambda _done, _of: None).fault


def listings_shown(hub: HubProcess, entry_index: int) -> set[tuple[int, int]]:
    """Reads which listings an answer was made of, as (sequence, row)."""
    with hub.ledger() as ledger, ledger.read() as txn:
        shown = find_disclosure(txn, entry_index) or b""
    ids = (int.from_bytes(shown[at : at + 8], "little") for at in range(0, len(shown), 8))
    return {(each >> LISTING_ROW_BITS, each % (1 << LISTING_ROW_BITS)) for each in ids}


def _charged(txn: Transaction) -> Counter[tuple[str, Meter]]:
    charged = Counter[tuple[str, Meter]]()
    for _, raw in list_entries(txn):
        entry = parse_entry(raw)
        meter = Meter.CONTRIBUTION if entry.method.startswith("Contribution") else Meter.QUERY
        if entry.counts.get("charged"):
            charged[entry.caller_id, meter] += entry.counts["charged"]
    return charged


def _shape(frame: JournalFrame) -> tuple[object, ...]:
    columns = [frame.columns[name].tobytes() for name in sorted(frame.columns) if name != "token"]
    return (
        frame.sequence,
        frame.header.partner_number,
        frame.header.row_count,
        hashlib.sha256(b"".join(columns)).hexdigest(),
        frame.pair_rows.tolist(),
        frame.pair_ids.tolist(),
    )
