"""The ledger's tables."""

from __future__ import annotations

from enum import Enum


class Table(Enum):
    """The ledger's tables, each a named LMDB database."""

    META = "meta"
    JOURNAL = "journal"
    OBJECTS = "objects"
    QUOTAS = "quotas"
    STREAMS = "streams"
    FRAMES = "frames"
    REPEATS = "repeats"
    ENTRIES = "entries"
    NONCES = "nonces"
    BUSINESS_REFS = "business_refs"
    DISCLOSURES = "disclosures"
    IMPORTS = "imports"
    PARTS = "parts"
