"""What the supervisor and its processes say to each other: lines over two pipes.

Down: the job as one line of JSON, then orders. Up: reports, a line of JSON each. The end of either
pipe says that the other side is gone.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import msgspec

from rongan_share.config import Settings

STOP_SECONDS = 10.0
"""Grace for calls under way when the hub stops."""

SERVE = b"serve\n"
"""Order: begin, now that what had to be entered before is durable."""

STOP = b"stop\n"
"""Order: end in order."""


class Role(str, Enum):
    """What a process is for."""

    WORKER = "worker"
    KEEPER = "keeper"
    SIGNER = "signer"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is told when it is started. It holds no secret.

    Attributes:
        role: What it is for.
        number: Which of its role, from 1.
        settings: The hub's configuration, with the port that was reserved.
        started_ns: When the hub began, nanoseconds since 1970-01-01 UTC.
        family: Descriptor that lets it use the store.
    """

    role: Role
    number: int
    settings: Settings
    started_ns: int
    family: int

    @property
    def name(self) -> str:
        """What logs and entries call it."""
        return f"{self.role.value}-{self.number}"


class State(str, Enum):
    """How far a process has come."""

    PREPARED = "prepared"
    SERVING = "serving"
    REFUSED = "refused"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a process says of itself.

    Attributes:
        state: How far it has come.
        text: Why its start is refused, for the hub's operator.
        reason: Reason of the one table instead, where a damaged store refused it.
    """

    state: State
    text: str = ""
    reason: str = ""


def encode_line(said: Job | Report) -> bytes:
    """Returns a job or a report as a line."""
    return msgspec.json.encode(said, enc_hook=str) + b"\n"


def parse_job(line: bytes) -> Job:
    """Reads a job."""
    return msgspec.json.decode(line, type=Job, dec_hook=_decode_path)


def parse_report(line: bytes) -> Report:
    """Reads a report."""
    return msgspec.json.decode(line, type=Report)


def _decode_path(_kind: type, value: str) -> Path:
    return Path(value)
