"""A file of results that is written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from partner_sdk.cli.messages import say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO


def verify_output(output: Path, *, source: Path | None = None) -> None:
    """Refuses to put results in the place of their own source, or of anything but a plain file."""
    taken = output.is_symlink() or (output.exists() and not output.is_file())
    if taken or (source and output.exists() and source.exists() and output.samefile(source)):
        raise click.BadParameter(say("bad_output"), param_hint="--output")


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Opens a draft that takes the file's name only when all of it is written."""
    try:
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", text=True)
    except OSError as error:
        # The name of the draft would say nothing to whoever asked for the file.
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as opened:
            yield opened
            opened.flush()
            os.fsync(opened.fileno())
        Path(draft).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(draft).unlink()
        raise
