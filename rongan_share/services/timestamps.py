"""Instants as the wire has them."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(time_ns: int) -> Timestamp:
    """Returns the message of an instant, given in nanoseconds since 1970-01-01 UTC."""
    stamp = Timestamp()
    stamp.FromNanoseconds(time_ns)
    return stamp
