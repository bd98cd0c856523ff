"""Freezing columns as the keeper does, without waiting for the journal to grow."""

from __future__ import annotations

import threading

from rongan_share.columns.freeze import Freezer
from rongan_share.columns.frozen import FrozenColumns, Manifest
from rongan_share.processes.column_folder import ColumnSets, column_sets
from tests.support.hub import HubUnderTest


def sets_of(hub: HubUnderTest) -> ColumnSets:
    """Opens the columns of every set of a hub."""
    return column_sets(hub.settings, hub.hub.ledger)


def columns_of(hub: HubUnderTest) -> FrozenColumns:
    """Opens the folder of the columns that a hub serves from."""
    return sets_of(hub).serving()


def freeze(hub: HubUnderTest, *, serve: bool = False) -> Manifest | None:
    """Writes columns of everything up to now; serves from them at once if told so."""
    manifest = Freezer(hub.hub.ledger, columns_of(hub), hub.clock).freeze(threading.Event())
    if serve:
        hub.hub.follower._change_over()
    return manifest
