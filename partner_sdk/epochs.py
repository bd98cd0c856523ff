"""What a client asks once and keeps in memory: token epochs and taxonomy. No key is stored."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from partner_sdk.agreements import TokenEpoch, read_epoch, read_taxonomy
from partner_sdk.errors import HubRefusalError, error_for
from rongan_share.v1.agreement_service_pb2 import GetTaxonomyRequest, GetTokenEpochRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from partner_sdk.calls import Connections, Timing
    from rongan_share.wire.taxonomy import Taxonomy


ValueT = TypeVar("ValueT")


class _Fetched(Generic[ValueT]):
    """A value that one caller fetches while the others wait, and share what comes of it."""

    def __init__(self, fetch: Callable[[], ValueT], timing: Timing) -> None:
        self._fetch = fetch
        self._monotonic = timing.monotonic
        self._lock = threading.Lock()
        self._value: ValueT | None = None
        self._failure: HubRefusalError | None = None
        self._failed = 0.0

    def get(self, fits: Callable[[ValueT], bool]) -> ValueT:
        """Gets the value, fetched anew if there is none that fits.

        Raises:
            HubRefusalError: It could not be fetched, now or while this caller waited.
        """
        # Reading one attribute needs no lock; callers by the hundred would stand in line for it.
        value = self._value
        if value is not None and fits(value):
            return value
        began = self._monotonic()
        with self._lock:
            value = self._value
            if value is not None and fits(value):
                return value
            # Else a hundred callers of a hub that is silent would wait one after the other.
            if self._failure is not None and self._failed > began:
                raise error_for(self._failure.refusal)
            try:
                self._value = value = self._fetch()
            except HubRefusalError as error:
                self._failure, self._failed = error, self._monotonic()
                raise
            return value

    def forget(self, unfit: Callable[[ValueT], bool]) -> None:
        """Drops the value if it is unfit; waits for one that is being fetched."""
        with self._lock:
            if self._value is not None and unfit(self._value):
                self._value = None


class EpochCache:
    """The current epoch and the opening one, fetched when first needed and after `forget`."""

    def __init__(self, connections: Connections, *, timeout_seconds: float) -> None:
        self._connections = connections
        self._timeout_seconds = timeout_seconds
        self._epoch = _Fetched(self._fetch, connections.timing)

    def current(self) -> TokenEpoch:
        """Gets the current epoch; each delivery by the hub is audited, so it is asked once."""
        return self._epoch.get(lambda _: True)

    def opening(self) -> TokenEpoch:
        """Gets the current epoch, asked anew unless it is known that another one is opening."""
        return self._epoch.get(lambda epoch: epoch.next is not None)

    def forget(self, refused: TokenEpoch) -> None:
        """Drops the epoch, because the hub refused it or asks for tokens of the next one too.

        One that has taken its place stays; but not the same one in another copy, which may have
        been fetched before the hub changed.

        Args:
            refused: The epoch that was refused.
        """
        self._epoch.forget(lambda epoch: epoch.number <= refused.number)

    def _fetch(self) -> TokenEpoch:
        return read_epoch(
            self._connections.call(
                lambda stubs: stubs.agreement.GetTokenEpoch,
                GetTokenEpochRequest(),
                timeout_seconds=self._timeout_seconds,
            )
        )


class TaxonomyCache:
    """The hub's taxonomy, fetched when first needed and when an answer names a newer version."""

    def __init__(self, connections: Connections, *, timeout_seconds: float) -> None:
        self._connections = connections
        self._timeout_seconds = timeout_seconds
        self._taxonomy = _Fetched(self._fetch, connections.timing)

    def current(self) -> Taxonomy:
        """Gets the taxonomy last seen."""
        return self._taxonomy.get(lambda _: True)

    def of_version(self, version: int) -> Taxonomy:
        """Gets the taxonomy that ruled an answer, or a newer one if it was replaced since."""
        return self._taxonomy.get(lambda taxonomy: taxonomy.version >= version)

    def _fetch(self) -> Taxonomy:
        return read_taxonomy(
            self._connections.call(
                lambda stubs: stubs.agreement.GetTaxonomy,
                GetTaxonomyRequest(),
                timeout_seconds=self._timeout_seconds,
            )
        )
