"""Checks of a hub's store: whether it can be written, fits its keys, and agrees with the clock."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from rongan_share.audit.entry import parse_entry
from rongan_share.cli.doctor.findings import Finding, failed, good, warned
from rongan_share.clock import instant_of
from rongan_share.errors import RonganError, StartRefusedError
from rongan_share.ledger.entries import find_entry, get_frontier
from rongan_share.ledger.environment import Ledger
from rongan_share.ledger.hub_keys import HubKeys, used_ids
from rongan_share.ledger.objects import load_registry
from rongan_share.model.epoch import EpochState
from rongan_share.processes.epoch_keys import EpochKeys

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from rongan_share.config import Settings
    from rongan_share.ledger.environment import Transaction
    from rongan_share.model.registry import Registry

GIGABYTE = 1_000_000_000
LEAST_GIGABYTES, FEW_GIGABYTES = 1, 10
_DATA_FILE = "data.mdb"


def check_store(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Looks at the store; `now` is the hub's own clock."""
    yield from _check_room(settings.data_directory)
    try:
        with Ledger(settings.data_directory, writable=False) as ledger, ledger.read() as txn:
            registry = load_registry(txn)
            yield from _check_hub_keys(HubKeys.of(settings, ledger), registry)
            yield from _check_epoch_keys(settings, registry)
            yield from _check_clock(settings, txn, now)
    except StartRefusedError as error:
        yield failed("store", "store_unreadable", cause=error)
    except (RonganError, ValueError) as error:
        yield failed("store", "store_damaged", cause=error)


def _check_room(data: Path) -> Iterator[Finding]:
    if not data.is_dir():
        # Said where folders are looked at.
        return
    files = [data, *(path for path in (data / _DATA_FILE,) if path.exists())]
    closed = [path for path in files if not os.access(path, os.W_OK)]
    for path in closed:
        yield failed("store_writable", "not_writable", path=path)
    if not closed:
        yield good("store_writable", "writable", path=data)
    free = shutil.disk_usage(data).free / GIGABYTE
    values = {"path": data, "free": f"{free:.1f}"}
    if free < LEAST_GIGABYTES:
        yield failed("disk_room", "disk_full", **values)
    elif free < FEW_GIGABYTES:
        yield warned("disk_room", "disk_short", **values)
    else:
        yield good("disk_room", "disk_ok", **values)


def _check_hub_keys(hub_keys: HubKeys, registry: Registry) -> Iterator[Finding]:
    for key_id in used_ids(registry.hub_key):
        try:
            hub_keys.cipher(key_id)
        except StartRefusedError as error:
            yield failed("hub_key", "hub_key_unfit", cause=error)
        else:
            yield good("hub_key", "hub_key_ok", number=key_id)


def _check_epoch_keys(settings: Settings, registry: Registry) -> Iterator[Finding]:
    epoch_keys = EpochKeys(settings.keys.epoch_keys, data_directory=settings.data_directory)
    for epoch in registry.epochs.values():
        if epoch.state is EpochState.CLOSED:
            continue
        try:
            epoch_keys.verify(epoch)
        except StartRefusedError as error:
            yield failed("epoch_keys", "key_unfit", cause=error)
        else:
            yield good("epoch_keys", "epoch_key_ok", number=epoch.number, state=epoch.state.name)


def _check_clock(settings: Settings, txn: Transaction, now: datetime) -> Iterator[Finding]:
    if settings.clock.offset_seconds:
        yield warned("clock", "clock_set_off", seconds=settings.clock.offset_seconds)
    raw = find_entry(txn, get_frontier(txn).size - 1)
    if raw is None:
        yield failed("clock", "store_damaged", cause="entries")
        return
    newest = instant_of(parse_entry(raw).time_ns)
    values = {
        "newest": newest.isoformat(timespec="seconds"),
        "seconds": round(_behind(now, newest)),
    }
    if _behind(now, newest) > 1:
        yield failed("clock", "clock_behind", **values)
    else:
        yield good("clock", "clock_ok", **values)


def _behind(now: datetime, newest: datetime) -> float:
    """Returns by how many seconds the clock is behind the log; 0 if it is not."""
    return max(0.0, (newest - now).total_seconds())
