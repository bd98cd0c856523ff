"""The hub's one exception tree.

A refusal is data: a `Reason` from the one table of `wire.reasons`, the metadata that the table
names, and where it applies a time to wait or the fields at fault. Only the gate turns it into a
reply.
"""

from __future__ import annotations

from rongan_share.wire.reasons import Reason

__all__ = [
    "LedgerCorruptError",
    "MovedError",
    "Reason",
    "RonganError",
    "StartRefusedError",
]


class RonganError(Exception):
    """A refusal that a peer may read.

    Attributes:
        reason: Row of the one table.
        metadata: The keys that the row names, as text; the gate adds `callId`, and for
            frames `frameNumber`.
        retry_after_seconds: Time to wait, only where the table says RetryInfo.
        confided: What the audit log is told beside the metadata, and the peer is not.
    """

    def __init__(
        self, reason: Reason, *, retry_after_seconds: float | None = None, **metadata: object
    ) -> None:
        super().__init__(reason.name)
        self.reason = reason
        self.metadata = {key: str(value) for key, value in metadata.items()}
        self.retry_after_seconds = retry_after_seconds
        self.confided: dict[str, str] = {}

    def confiding(self, **facts: str) -> RonganError:
        """Returns the refusal with more said of it to the audit log alone."""
        confiding = self.noting()
        confiding.confided = {**self.confided, **facts}
        return confiding

    def noting(self, **metadata: object) -> RonganError:
        """Returns the refusal with more said of it; one refusal may be told to many callers."""
        merged = {**self.metadata, **{key: str(value) for key, value in metadata.items()}}
        noting = RonganError(self.reason, retry_after_seconds=self.retry_after_seconds, **merged)
        noting.confided = self.confided
        return noting


class LedgerCorruptError(RonganError):
    """Stored bytes do not match their checksum; nothing may be answered from them.

    Attributes:
        table: The ledger's table.
        key_hex: Key of the bad value; never sent to a peer.
    """

    def __init__(self, table: str, key: bytes) -> None:
        super().__init__(Reason.STORE_CORRUPT)
        self.table = table
        self.key_hex = key.hex()


class MovedError(Exception):
    """What a decision was made on has changed, so it is made again. Never leaves the gate."""


class ForgottenError(Exception):
    """What was being read of the journal was compacted meanwhile, so it is read from the start."""


class StartRefusedError(Exception):
    """The hub will not start; the text says why, for its operator."""
