"""A hub made and run by its own command, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (sys.executable, "-m", "rongan_share.cli.main")
WAIT_SECONDS = 60

AGREEMENT = """\
partner = "{partner}"
start_date = 2020-01-01
end_date = 2099-12-31
purposes = ["ANTI_FRAUD", "SANCTIONS"]
channels = ["MOBILE", "BATCH"]
product_lines = ["SCREEN", "BATCH", "CONTRIBUTE"]
categories = ["A1", "E4"]
source_classes = ["POLICE", "INTL_LIST"]
detail_level = "CATEGORY"
identifier_types = "ALL"
suites = ["HMAC_SHA256"]

[contribution]
categories = ["E4"]
source_classes = ["INTL_LIST"]

[query_quota]
rate_per_second = 1000
burst = 20000
day = 1000000
month = 10000000

[contribution_quota]
rate_per_second = 1000
burst = 20000
day = 1000000
month = 10000000
"""


@dataclass(frozen=True)
class Done:
    """What a finished command left."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> dict:
        """What it printed as JSON, after it succeeded."""
        assert self.code == 0, self.err
        return json.loads(self.out)


@dataclass(frozen=True)
class RunningHub:
    """A hub that serves, and its commands."""

    home: Path
    address: str
    process: subprocess.Popen[str]

    def run(self, *words: str, operator: str = "alice") -> Done:
        """Runs a command in an operator's name."""
        return run_hub(self.home, "--as", operator, "--hub", self.address, *words)


def run_hub(home: Path, *words: str, lang: str = "C.UTF-8") -> Done:
    """Runs a command on a home."""
    done = subprocess.run(
        [*PROGRAM, "--home", str(home), *words],
        cwd=ROOT,
        env=clean_environment(lang),
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def make_hub(home: Path) -> Done:
    """Makes a hub that takes a free port at every start."""
    options = ("--trust-domain", "rongan.test", "--address", "127.0.0.1:0")
    return run_hub(home, "--json", "init", *options)


@contextmanager
def serving(home: Path) -> Iterator[RunningHub]:
    """Runs a hub until the block ends; kills it if it does not end by itself."""
    with subprocess.Popen(
        [*PROGRAM, "--home", str(home), "--json", "serve"],
        cwd=ROOT,
        env=clean_environment("C.UTF-8"),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            yield RunningHub(home, json.loads(line)["serving"], process)
            process.terminate()
            process.wait(WAIT_SECONDS)
        finally:
            process.kill()


def clean_environment(lang: str) -> dict[str, str]:
    """Leaves out what a developer may have set for the command."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RONGAN_")}
    return {**kept, "LANG": lang, "LC_ALL": lang}
