"""A hub in a temporary home, with one partner, for rehearsals: all through the commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.client import Client
from partner_sdk.credentials import Credentials
from rongan_share.config import FILE_NAME

if TYPE_CHECKING:
    from types import TracebackType

PARTNER = "drill-bank"
"""The partner that contributes and asks."""

_STOP_SECONDS = 30.0
_AGREEMENT = """\
partner = "drill-bank"
start_date = 2020-01-01
end_date = 2099-12-31
purposes = ["ANTI_FRAUD"]
channels = ["BATCH", "MOBILE"]
product_lines = ["SCREEN", "BATCH", "CONTRIBUTE"]
categories = ["A2"]
source_classes = ["PEER_DOMESTIC"]
detail_level = "PROVENANCE"
identifier_types = "ALL"
suites = ["HMAC_SHA256", "HMAC_SM3"]

[contribution]
categories = ["A2"]
source_classes = ["PEER_DOMESTIC"]

[query_quota]
rate_per_second = 100000000
burst = 100000000
day = 1000000000
month = 1000000000

[contribution_quota]
rate_per_second = 100000000
burst = 100000000
day = 1000000000
month = 1000000000
"""


class HubInFolder:
    """A hub that serves from a temporary home until the block ends; nobody has joined it.

    Args:
        folder: An empty folder of its own.
        workers: Processes that answer calls.
        init: More words for ``init``.
    """

    def __init__(self, folder: Path, *, workers: int, init: tuple[str, ...] = ()) -> None:
        self.home = folder / "hub"
        self._folder, self._workers = folder, workers
        self._init = ("init", "--trust-domain", "drill.example", "--address", "127.0.0.1:0", *init)
        self._process: subprocess.Popen[str] | None = None
        self.target = self.enrolment = ""

    def act(self, *words: str, operator: str = "alice") -> dict[str, Any]:
        """Runs a command of the hub in an operator's name."""
        return run_command(
            "rongan_share.cli.main",
            *("--home", str(self.home), "--as", operator, "--hub", self.target),
            *words,
        )

    def serve(self) -> None:
        """Starts it, where it was stopped too."""
        words = ("--home", str(self.home), "--json", "serve", "--workers", str(self._workers))
        with (self._folder / "hub.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-m", "rongan_share.cli.main", *words],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=_environment(),
                # Ctrl-C is for the drill, which stops the hub itself.
                start_new_session=True,
            )
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise RefusedHereError((self._folder / "hub.log").read_text(errors="replace"))
        said = json.loads(line)
        self.target = _on_this_machine(said["serving"])
        self.enrolment = _on_this_machine(said.get("enrolment", ""))

    def stop(self) -> None:
        """Stops it; nothing happens if it does not serve."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def set_clock_right(self) -> None:
        """Undoes ``--clock-offset`` of ``init``; a hub that serves goes on as it was started."""
        file = self.home / FILE_NAME
        text = file.read_text(encoding="utf-8")
        file.write_text(re.sub(r"(?m)^offset_seconds = .*$", "offset_seconds = 0", text))

    def __enter__(self) -> Self:
        run_command("rongan_share.cli.main", "--home", str(self.home), *self._init)
        try:
            self.serve()
            self._join()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _join(self) -> None:
        """Lets partners in."""


class DrillHub(HubInFolder):
    """A hub in a temporary home with one partner, until the block ends."""

    def client(self) -> Client:
        """Connects as the partner."""
        return Client(self.target, Credentials.from_directory(self._folder / PARTNER))

    def partner(self, *words: str) -> dict[str, Any]:
        """Runs a command of the partner."""
        reached = ("--hub", self.target, "--credentials", str(self._folder / PARTNER))
        return run_command("partner_sdk.cli.main", *reached, *words)

    def _join(self) -> None:
        file, files = self._folder / "agreement.toml", self._folder / PARTNER
        file.write_text(_AGREEMENT, encoding="utf-8")
        self.act("partner", "add", PARTNER, "--name", "Drill")
        self.act("agreement", "propose", "-f", str(file))
        self.act("agreement", "approve", PARTNER, "1", operator="bob")
        self.partner("enroll", "--csr-only", str(files), "--partner", PARTNER)
        self.act(
            "cert",
            "issue",
            "--partner",
            PARTNER,
            "--csr",
            str(files / "request.pem"),
            "--out",
            str(files / "certificate.pem"),
            "--roots-out",
            str(files / "roots.pem"),
        )


def run_command(module: str, *words: str) -> dict[str, Any]:
    """Runs a command of this very program that prints JSON.

    Raises:
        RefusedHereError: It failed; what it said is told.
    """
    done = subprocess.run(  # noqa: S603 - see above
        [sys.executable, "-c", f"from {module} import main; main()", "--json", *words],
        capture_output=True,
        text=True,
        check=False,
        env=_environment(),
        # Ctrl-C is for the drill, which lets a command that was begun end.
        start_new_session=True,
    )
    if done.returncode:
        raise RefusedHereError(f"{' '.join(words)}: {done.stderr or done.stdout}")
    facts: dict[str, Any] = {}
    # Some commands print nothing, or a path.
    with suppress(ValueError):
        facts = json.loads(done.stdout)
    return facts


def _on_this_machine(address: str) -> str:
    return f"localhost:{address.rsplit(':', 1)[1]}" if address else ""


def _environment() -> dict[str, str]:
    """The rehearsal's own settings, not those of whoever runs it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RONGAN")}
