"""Commands of ``rongan-hub`` against a hub in this process."""

from __future__ import annotations

import json

import pytest

from rongan_share.cli.commands import run
from tests.support.hub import HubUnderTest


class CommandLine:
    """Runs commands against a hub, in this process."""

    def __init__(self, hub: HubUnderTest, capsys: pytest.CaptureFixture[str]) -> None:
        self.hub = hub
        self._capsys = capsys

    def run(self, *words: str) -> tuple[int, str, str]:
        """Runs one as alice; returns exit code, output, and errors."""
        options = ("--home", str(self.hub.home), "--hub", self.hub.target, "--as", "alice")
        code = run([*options, *words])
        return code, *self._capsys.readouterr()

    def facts(self, *words: str) -> dict[str, object]:
        """Runs one that succeeds; returns what it says as JSON."""
        code, out, err = self.run("--json", *words)
        assert code == 0, err
        said: dict[str, object] = json.loads(out)
        return said
