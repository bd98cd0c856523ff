"""Columns of any kind as one plain array of texts, and its bytes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Column = Any
"""A pyarrow array or what becomes one; pyarrow has no types."""

_SURROGATES = re.compile("[\ud800-\udfff]")
_PRIVATE_USE = "\ue000"


def text_array(values: Column) -> Column:
    """Makes one string array; what is null becomes an empty text.

    Args:
        values: A list of texts, or a pyarrow array, chunked or not.

    Raises:
        TypeError: They are no texts in UTF-8: a number has lost the zeros that it began with.
    """
    if not isinstance(values, pa.Array | pa.ChunkedArray):
        return _array_of_list(values)
    texts = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if pa.types.is_dictionary(texts.type):
        texts = texts.dictionary_decode()
    if not _is_text(texts.type):
        raise TypeError("identifiers are texts")
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        raise TypeError("identifiers are texts, in UTF-8") from None
    return texts.cast(pa.string()).fill_null("")


def _is_text(kind: Column) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_null(kind)
    )


def _array_of_list(values: Sequence[str | None]) -> Column:
    texts = [value or "" for value in values]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("identifiers are texts")
    try:
        return pa.array(texts, type=pa.string())
    except UnicodeEncodeError:
        # Surrogates and private use are refused alike, and only these can be encoded.
        return pa.array([_SURROGATES.sub(_PRIVATE_USE, text) for text in texts], type=pa.string())


def bytes_of(column: Column) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Returns the bytes of a string array, and where in them each text begins and the last ends."""
    _, offsets_buffer, data_buffer = column.buffers()
    if not len(column):
        return np.empty(0, dtype=np.uint8), np.zeros(1, dtype=np.int32)
    offsets = np.frombuffer(offsets_buffer, dtype=np.int32)
    offsets = offsets[column.offset : column.offset + len(column) + 1]
    data = np.frombuffer(data_buffer or b"", dtype=np.uint8)
    return data[offsets[0] : offsets[-1]], offsets - offsets[0]
