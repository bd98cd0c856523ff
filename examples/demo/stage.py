"""The stage of the demonstration: a temporary folder, one hub process, and the two commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

ROOT = Path(__file__).resolve().parents[2]
"""The project's folder."""

START_SECONDS = 30.0
"""How long the hub may take to start or stop."""


WIDTH = 124
"""Columns of the screen, whatever the terminal has, so that the table reads the same everywhere."""


class CommandFailedError(Exception):
    """A command of the demonstration ended with an error; its output was shown."""


@dataclass(slots=True)
class Stage:
    """Runs commands as a person would, showing each before its output.

    Attributes:
        folder: Temporary folder that everything is kept in.
        console: Where it is shown.
    """

    folder: Path
    console: Console = field(default_factory=lambda: Console(highlight=False, width=WIDTH))
    _hub: subprocess.Popen[str] | None = None
    _target: str = ""

    @property
    def home(self) -> Path:
        """The hub's home."""
        return self.folder / "hub"

    def say(self, text: str) -> None:
        """Says what comes next."""
        self.console.print(f"\n[bold]{text}[/bold]")

    def hub(self, *words: str, operator: str = "") -> str:
        """Runs `rongan-hub` on the hub's home and shows what it prints."""
        acting = ("--as", operator) if operator else ()
        reached = ("--hub", self._target) if operator else ()
        return self._run("rongan-hub", *acting, *words, hidden=("--home", str(self.home), *reached))

    def partner(self, partner_id: str, *words: str) -> str:
        """Runs `rongan` as a partner and shows what it prints."""
        return self._run("rongan", *words, hidden=self._as(partner_id))

    def ask(self, partner_id: str, *words: str) -> Mapping[str, Any]:
        """Runs `rongan --json` as a partner and returns what it prints, without showing it."""
        command = [_program("rongan"), *self._as(partner_id), "--json", *words]
        answer: Mapping[str, Any] = json.loads(self._capture(command))
        return answer

    def start_hub(self) -> None:
        """Starts the hub on a free port and waits until it serves."""
        self.console.print("[dim]$ rongan-hub serve &[/dim]")
        command = [_program("rongan-hub"), "--home", str(self.home), "--json", "serve"]
        self._hub = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=self.folder, env=_environment()
        )
        line = self._hub.stdout.readline() if self._hub.stdout is not None else ""
        if not line:
            raise CommandFailedError("rongan-hub serve")
        serving = json.loads(line)
        self._target = f"localhost:{serving['serving'].rsplit(':', 1)[1]}"
        self.console.print(f"serving on {self._target}")

    def stop_hub(self) -> None:
        """Stops the hub, if it runs, and waits until it has ended."""
        if self._hub is None:
            return
        self._hub.terminate()
        try:
            self._hub.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self._hub.kill()
            self._hub.wait()
        if self._hub.stdout is not None:
            self._hub.stdout.close()
        self._hub = None

    def _as(self, partner_id: str) -> tuple[str, ...]:
        return ("--hub", self._target, "--credentials", str(self.folder / partner_id))

    def _run(self, program: str, *words: str, hidden: tuple[str, ...]) -> str:
        shown = " ".join(word.replace(f"{ROOT}/", "") for word in words)
        self.console.print(f"[dim]$ {program} {shown}[/dim]", soft_wrap=True)
        output = self._capture([_program(program), *hidden, *words])
        self.console.print(output.rstrip(), markup=False, soft_wrap=True)
        return output

    def _capture(self, command: list[str]) -> str:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env=_environment(),
        )
        if done.returncode:
            self.console.print(done.stdout + done.stderr, markup=False)
            raise CommandFailedError(" ".join(command[:1]))
        return done.stdout


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _environment() -> dict[str, str]:
    """The demonstration's own settings, not those of whoever runs it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RONGAN")}
    return kept | {"COLUMNS": str(WIDTH), "NO_COLOR": "1"}
