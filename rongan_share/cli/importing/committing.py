"""Committing an import: the hub itself does it, through its whole walk, at an operator's word."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from partner_sdk.credentials import Credentials
from partner_sdk.errors import HubRefusalError
from rongan_share.ca import Hierarchy
from rongan_share.cli.connection import Connection
from rongan_share.errors import Reason
from rongan_share.processes.worker import Worker
from rongan_share.v1 import operator_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rongan_share.cli.importing.store import ImportStore
    from rongan_share.cli.options import Options

_OWN_ADDRESS = "127.0.0.1:0"
_GRACE_SECONDS = 1.0


@contextmanager
def hub_of(options: Options, store: ImportStore) -> Iterator[Connection]:
    """Connects to the hub that serves the store, or serves it for this one caller."""
    if not store.alone:
        with options.connect() as hub:
            yield hub
        return
    listen = msgspec.structs.replace(store.settings.listen, address=_OWN_ADDRESS)
    settings = msgspec.structs.replace(store.settings, listen=listen)
    worker = Worker(settings, store.ledger, clock=store.clock, started=store.clock.now())
    # It would verify once more what was written a moment ago.
    worker.followers.imported = store.imported
    worker.prepare()
    try:
        worker.listen()
        worker.serve()
        files = Hierarchy(options.home).operator(options.operator)
        credentials = Credentials.from_files(files.certificate, files.key, files.roots)
        with Connection(f"localhost:{worker.port}", credentials) as hub:
            yield hub
        worker.drain(_GRACE_SECONDS)
    finally:
        worker.close()


def commit(
    hub: Connection, request: pb.CommitImportRequest
) -> tuple[pb.CommitImportResponse | None, str]:
    """Asks the hub to commit.

    Returns:
        What it answered, or None and what has changed of what the rows were judged by.

    Raises:
        HubRefusalError: It refused for any other reason.
    """
    try:
        return hub.call(lambda stub: stub.CommitImport, request), ""
    except HubRefusalError as error:
        if error.refusal.reason is not Reason.IMPORT_OUTDATED:
            raise
        return None, error.metadata.get("changed", "")
