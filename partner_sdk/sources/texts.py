"""How a file's text is written: UTF-8 or GB18030, and everything else refused with advice.

GB18030 accepts nearly any bytes, so a contribution never tries it unasked: a name read in the
wrong encoding would become a token that nobody asks for.
"""

from __future__ import annotations

import codecs
from enum import Enum, unique
from typing import TYPE_CHECKING

from partner_sdk.sources.rows import RowsRefusedError
from rongan_share.wire.malformed import MalformedError

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK_BYTES = 1 << 20
_HEAD_BYTES = 4096

_CERTAIN = 100
_LIKELY = 90
_HIGHEST_FOR_GB18030 = 95
"""Bytes alone never prove it."""

MAPPING_ADVICE = 'contribute: encoding = "gb18030" in a mapping'
"""How `rongan contribute` is told of an encoding."""

_NO_TEXT = (
    ((b"\xff\xfe", b"\xfe\xff"), "UTF-16; save the file as UTF-8"),
    ((b"PK\x03\x04",), "a spreadsheet or archive; save the sheet as CSV UTF-8"),
    ((b"PAR1",), "a Parquet file; name its format: --source parquet"),
)
"""What a file may begin with, and what to do about it."""


@unique
class Encoding(Enum):
    """An encoding that text sources may have; the value is its name in a mapping."""

    UTF_8 = "utf-8"
    GB18030 = "gb18030"

    @property
    def codec(self) -> str:
        """Python's name of it; a byte-order mark is dropped."""
        return "utf-8-sig" if self is Encoding.UTF_8 else "gb18030"

    @property
    def name_shown(self) -> str:
        """Its name in a sentence."""
        return self.value.upper()


_NAMES = {
    "utf-8": Encoding.UTF_8,
    "utf8": Encoding.UTF_8,
    "utf-8-sig": Encoding.UTF_8,
    "gb18030": Encoding.GB18030,
    # Both are parts of GB18030.
    "gbk": Encoding.GB18030,
    "gb2312": Encoding.GB18030,
}


def parse_encoding(name: str) -> Encoding:
    """Names an encoding.

    Raises:
        MalformedError: It is none of those that are read.
    """
    try:
        return _NAMES[name.strip().lower()]
    except KeyError:
        raise MalformedError("encoding", "one of utf-8 gb18030 gbk gb2312") from None


def verify_is_text(path: Path) -> None:
    """Refuses files that no text encoding of ours can be, by their first bytes.

    Raises:
        RowsRefusedError: With advice.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    for beginnings, rule in _NO_TEXT:
        if head.startswith(beginnings):
            raise RowsRefusedError.at(1, "", rule)
    if b"\0" in head:
        rule = "UTF-16 without a mark, or no text at all; save the file as UTF-8"
        raise RowsRefusedError.at(1, "", rule)


def verify_encoding(path: Path, encoding: Encoding) -> None:
    """Refuses UTF-8 that is said to be GB18030, which reads it too, as other names.

    Raises:
        RowsRefusedError: It decodes as UTF-8 and is not ASCII.
        OSError: The file cannot be read.
    """
    if encoding is Encoding.GB18030 and not _is_ascii(path) and _decodes(path, Encoding.UTF_8):
        rule = "is UTF-8, not GB18030 or GBK; mend the encoding, or save the file as UTF-8"
        raise RowsRefusedError.at(1, "", rule)


def line_of_bad_text(path: Path, encoding: Encoding) -> int:
    """Finds the first line that does not decode, which a buffered reader cannot tell; 1 if none."""
    # No byte of a longer character is a line feed in either encoding.
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode(encoding.codec)
            except UnicodeDecodeError:
                return number
    return 1


def not_encoded(path: Path, encoding: Encoding) -> str:
    """Says that a file is not of an encoding, and of which it seems to be."""
    tried = encoding is Encoding.UTF_8 and _decodes(path, Encoding.GB18030)
    if tried and _share_of_common(path) >= _LIKELY:
        return f"not UTF-8, it seems GBK or GB18030; save the file as UTF-8 ({MAPPING_ADVICE})"
    return f"not {encoding.name_shown}"


def guess_encoding(path: Path) -> tuple[Encoding, int]:
    """Guesses by decoding the whole file strictly.

    Returns:
        The encoding and how sure it is, 0 to 100.

    Raises:
        RowsRefusedError: It is neither.
        OSError: The file cannot be read.
    """
    verify_is_text(path)
    if _decodes(path, Encoding.UTF_8):
        return Encoding.UTF_8, _CERTAIN
    if _decodes(path, Encoding.GB18030):
        return Encoding.GB18030, _share_of_common(path)
    line = line_of_bad_text(path, Encoding.UTF_8)
    raise RowsRefusedError.at(line, "", "neither UTF-8 nor GB18030; save the file as UTF-8")


def _is_ascii(path: Path) -> bool:
    with path.open("rb") as file:
        return all(chunk.isascii() for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""))


def _decodes(path: Path, encoding: Encoding) -> bool:
    decoder = codecs.getincrementaldecoder(encoding.codec)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _share_of_common(path: Path) -> int:
    """Says how many of the first characters are everyday ones: others betray a wrong guess."""
    decoder = codecs.getincrementaldecoder(Encoding.GB18030.codec)()
    with path.open("rb") as file:
        text = decoder.decode(file.read(_CHUNK_BYTES))
    foreign = [character for character in text if not character.isascii()]
    if not foreign:
        return 0
    common = "".join(foreign).encode("gb2312", errors="ignore").decode("gb2312")
    return min(_HIGHEST_FOR_GB18030, len(common) * 100 // len(foreign))
