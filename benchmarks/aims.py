"""What each row must reach, and what it should: floors and aims for ten million listings."""

from __future__ import annotations

from typing import NamedTuple

AIMED_LISTINGS = 10_000_000
"""How many listings they are for."""


class Aim(NamedTuple):
    """What a row must and should reach.

    Attributes:
        floor: Worse than it is missed.
        aim: As good as it is reached.
    """

    floor: float
    aim: float

    @property
    def less_is_better(self) -> bool:
        """Whether the floor is a ceiling; 0 always is."""
        return self.aim < self.floor or not self.floor

    def verdict(self, value: float) -> str:
        """Says how a value stands to them."""
        if self.reaches(value, self.aim):
            return "aim"
        return "floor" if self.reaches(value, self.floor) else "missed"

    def reaches(self, value: float, mark: float) -> bool:
        """Tells whether a value is as good as a mark."""
        return value <= mark if self.less_is_better else value >= mark


AIMS = {
    "frames_16384_clear_vs_redis": Aim(5, 10),
    "frames_16384_listed_vs_redis": Aim(3, 6),
    "frames_4096_clear_vs_redis": Aim(3.5, 6),
    "frames_16384_clear_vs_transport": Aim(0.18, 0.35),
    "cpu_clear_vs_redis": Aim(0.22, 0.12),
    "check_vs_empty_handler": Aim(0.7, 0.85),
    "check_p99_ms_under_contribution": Aim(20, 8),
    "frames_under_writes": Aim(0.6, 0.85),
    "audit_on_vs_off": Aim(0.8, 0.95),
    "contribute_vs_pgcopy": Aim(10, 25),
    "coalesced_vs_unary": Aim(8, 15),
    "others_p99_ratio": Aim(2, 1.3),
    "workers_2_vs_1": Aim(1.1, 1.0),
    "streams_1478_rss_mb": Aim(400, 200),
    "revoke_to_refusal_s": Aim(10, 2),
    "identity_cpu_us": Aim(25, 10),
    "enroll_1478_s": Aim(300, 120),
    "import_rows_per_s": Aim(1e6, 3e6),
    "rate_100m_vs_1m": Aim(0.7, 0.9),
    "freeze_100m_s": Aim(120, 40),
    "restart_100m_s": Aim(15, 5),
    "worker_rss_100m_mb": Aim(200, 120),
    "disk_bytes_per_listing": Aim(150, 110),
    "drill_failed_calls": Aim(0, 0),
    "tokens_per_s": Aim(1e6, 1.6e6),
    "tokens_sm3_per_s": Aim(0.6e6, 0.6e6),
}
"""Rows without an entry are measured, and nothing is asked of them."""
