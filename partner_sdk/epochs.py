"""What a client asks once and keeps in memory: token epoch and taxonomy. No key is stored."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from partner_sdk.agreements import TokenEpoch, read_epoch, read_taxonomy
from rongan_share.v1.agreement_service_pb2 import GetTaxonomyRequest, GetTokenEpochRequest

if TYPE_CHECKING:
    from partner_sdk.calls import Connections
    from rongan_share.wire.taxonomy import Taxonomy


class EpochCache:
    """The current epoch, fetched when first needed and again after `forget`."""

    def __init__(self, connections: Connections, *, timeout_seconds: float) -> None:
        self._connections = connections
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._epoch: TokenEpoch | None = None

    def current(self) -> TokenEpoch:
        """Gets the current epoch; each delivery by the hub is audited, so it is asked once."""
        # Reading one attribute needs no lock; callers by the hundred would stand in line for it.
        epoch = self._epoch
        if epoch is not None:
            return epoch
        with self._lock:
            if self._epoch is None:
                reply = self._connections.call(
                    lambda stubs: stubs.agreement.GetTokenEpoch,
                    GetTokenEpochRequest(),
                    timeout_seconds=self._timeout_seconds,
                )
                self._epoch = read_epoch(reply)
            return self._epoch

    def forget(self, refused: TokenEpoch | None = None) -> None:
        """Drops the epoch, because the hub said that it is not the one in use.

        Args:
            refused: The epoch that was refused; one that has taken its place stays. None =
                whichever.
        """
        with self._lock:
            if refused is None or self._epoch is refused:
                self._epoch = None


class TaxonomyCache:
    """The hub's taxonomy, fetched when first needed and when an answer names a newer version."""

    def __init__(self, connections: Connections, *, timeout_seconds: float) -> None:
        self._connections = connections
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._taxonomy: Taxonomy | None = None

    def current(self) -> Taxonomy:
        """Gets the taxonomy last seen."""
        with self._lock:
            return self._taxonomy or self._fetch()

    def of_version(self, version: int) -> Taxonomy:
        """Gets the taxonomy that ruled an answer, or a newer one if it was replaced since."""
        with self._lock:
            taxonomy = self._taxonomy
            return taxonomy if taxonomy and taxonomy.version >= version else self._fetch()

    def _fetch(self) -> Taxonomy:
        reply = self._connections.call(
            lambda stubs: stubs.agreement.GetTaxonomy,
            GetTaxonomyRequest(),
            timeout_seconds=self._timeout_seconds,
        )
        self._taxonomy = read_taxonomy(reply)
        return self._taxonomy
