"""Columns of identifiers in, tokens out, on every core: for files of millions.

The tokens are those of the path for one identifier, which the tests hold equal; only the way is
another. Aliases are not made here. Needs numpy and pyarrow, which nothing else of the SDK does.
"""

from __future__ import annotations

try:
    from partner_sdk.bulk.files import tokenise_csv, tokenise_parquet
    from partner_sdk.bulk.outcome import Reject, TokenColumns
    from partner_sdk.bulk.processes import BulkTokenizer
    from partner_sdk.bulk.tokenise import tokenise_columns
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] not in {"numpy", "pyarrow"}:
        raise
    raise ImportError(
        "partner_sdk.bulk needs numpy and pyarrow: pip install 'rongan-share[batch]'"
    ) from missing

__all__ = [
    "BulkTokenizer",
    "Reject",
    "TokenColumns",
    "tokenise_columns",
    "tokenise_csv",
    "tokenise_parquet",
]
