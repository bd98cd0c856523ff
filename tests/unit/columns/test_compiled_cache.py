"""Compiled code that was made of older sources is not used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rongan_share.columns import kernel


@pytest.mark.skipif(not kernel.COMPILED, reason="numba is not installed")
def test_older_code_is_forgotten(tmp_path: Path) -> None:
    """What is older than any one source goes, what is newer than all stays."""
    from rongan_share.columns.compiled import forget_outdated  # noqa: PLC0415 - needs numba

    sources, kept = tmp_path / "sources", tmp_path / "kept"
    sources.mkdir()
    (kept / "below").mkdir(parents=True)
    for path, seconds in (
        (sources / "one.py", 100),
        (sources / "other.py", 200),
        (kept / "below" / "one.f-1.nbi", 150),
        (kept / "other.f-1.nbi", 250),
    ):
        path.touch()
        os.utime(path, (seconds, seconds))
    forget_outdated(sources, [kept, tmp_path / "missing"])
    assert [path.name for path in kept.rglob("*.nbi")] == ["other.f-1.nbi"]
