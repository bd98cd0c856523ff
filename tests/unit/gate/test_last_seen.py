from __future__ import annotations

import threading

from rongan_share.gate.nonces import Nonces
from rongan_share.gate.quota import AMPLE, LastSeen
from rongan_share.ledger.committer import Charge
from rongan_share.model.quota import Meter, Quota, QuotaLeft

QUOTA = Quota(rate_per_second=1, burst_count=10_000, day_count=10_000, month_count=10_000)
CHARGE = Charge(1, Meter.QUERY, QUOTA, 1)
PLENTY = 16 * AMPLE


def test_only_what_was_ample_passes_unlooked() -> None:
    """An item passes unpriced only if each limit of its own meter had room for many like it."""
    seen = LastSeen()
    assert not seen.ample(1, Meter.QUERY, 1)
    seen.note(CHARGE, QuotaLeft(PLENTY, PLENTY, PLENTY))
    assert seen.ample(1, Meter.QUERY, 16)
    assert not seen.ample(1, Meter.QUERY, 17)
    assert not seen.ample(1, Meter.CONTRIBUTION, 1)
    assert not seen.ample(2, Meter.QUERY, 1)
    for left in (QuotaLeft(15, 9**9, 9**9), QuotaLeft(9**9, 15, 9**9), QuotaLeft(9**9, 9**9, 15)):
        seen.note(CHARGE, left)
        assert not seen.ample(1, Meter.QUERY, 1)


def test_refusal_is_looked_at_again() -> None:
    """After a commit has refused, the next item is priced before it is served."""
    seen = LastSeen()
    seen.note(CHARGE, QuotaLeft(PLENTY, PLENTY, PLENTY))
    seen.note(CHARGE, None)
    assert not seen.ample(1, Meter.QUERY, 1)
    seen.note(CHARGE, None)
    assert not seen.ample(1, Meter.QUERY, 1)


def test_every_nonce_is_given_once() -> None:
    """Threads that draw at the same time never get the same nonce."""
    nonces = Nonces()
    taken: list[bytes] = []

    def take() -> None:
        taken.extend([nonces.take() for _ in range(500)])

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(taken)) == len(taken) == 3_000
    assert {len(nonce) for nonce in taken} == {32}
    assert repr(nonces) == "Nonces()"
