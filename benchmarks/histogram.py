"""Latencies in buckets that widen with their value, so that no percentile is off by over 2 %.

Source: the idea of HdrHistogram (Gil Tene): as many linear buckets for each power of two.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_SUB_BITS = 6
_SUB = 1 << _SUB_BITS
"""Buckets of each power of two."""

_MICROSECONDS = 1e6


@dataclass
class Histogram:
    """Counts of latencies.

    Attributes:
        count: How many were recorded.
        longest: The longest, seconds, exactly.
    """

    count: int = 0
    longest: float = 0.0
    _buckets: Counter[int] = field(default_factory=Counter)

    def record(self, seconds: float) -> None:
        """Adds a latency; negative ones count as 0."""
        self.count += 1
        self.longest = max(self.longest, seconds)
        self._buckets[_bucket(max(0, int(seconds * _MICROSECONDS)))] += 1

    def add(self, other: Histogram) -> None:
        """Adds what another has counted."""
        self.count += other.count
        self.longest = max(self.longest, other.longest)
        self._buckets.update(other._buckets)

    def percentile(self, percent: float) -> float:
        """Returns the latency, seconds, that so many percent did not exceed; 0 if there is none."""
        wanted, seen = self.count * percent / 100, 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                return min(_upper(bucket) / _MICROSECONDS, self.longest)
        return self.longest


def _bucket(microseconds: int) -> int:
    shift = max(0, microseconds.bit_length() - _SUB_BITS - 1)
    return (shift << _SUB_BITS) + (microseconds >> shift)


def _upper(bucket: int) -> int:
    """Returns the largest whole number of microseconds that falls into a bucket."""
    shift = max(0, (bucket >> _SUB_BITS) - 1)
    return (((bucket - (shift << _SUB_BITS)) + 1) << shift) - 1
