"""Replaces the files of a directory in processes that end at a chosen step, each one a bit later.

Run as a program, it prints how each of them left the directory, one line of JSON a step.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from partner_sdk.credentials import Credentials
from partner_sdk.directory import CredentialsDirectory

STEPS = frozenset({"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "shutil.rmtree"})
"""What a process does to files, told by the interpreter before it is done."""

FILES = ("certificate.pem", "key.pem", "trust-bundle.pb", "roots.pem")


def cut_after(step: int) -> None:
    """Ends this process, as a kill would, instead of its next step but `step`."""
    left = step

    def count(event: str, _: object) -> None:
        nonlocal left
        if event in STEPS:
            if not left:
                os._exit(9)
            left -= 1

    sys.addaudithook(count)


def replace_all(folder: Path, source: Path) -> None:
    """Replaces all files of a folder by those of another."""
    directory = CredentialsDirectory(folder)
    files = {name: (source / name).read_bytes() for name in FILES}
    with directory.locked():
        directory.replace(files)


def one_process(folder: Path, source: Path, step: int) -> bool:
    """Runs the replacement in a process that ends after so many steps; tells whether it did."""
    child = os.fork()
    if not child:
        cut_after(step)
        replace_all(folder, source)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def state_of(folder: Path) -> dict[str, object]:
    """Loads what is there, and tells whose it is."""
    loaded = Credentials.from_directory(folder)
    return {
        "identity": loaded.identity,
        "roots": loaded.roots_pem.decode(),
        "bundle": (folder / "trust-bundle.pb").read_text(),
        "kept": (folder / "previous").is_dir()
        and Credentials.from_files(
            folder / "previous/certificate.pem", folder / "previous/key.pem", folder / "roots.pem"
        ).identity,
        "left": sorted(path.name for path in folder.iterdir()),
        "mode": (folder / "key.pem").stat().st_mode & 0o777,
    }


def main(old: Path, new: Path, work: Path) -> None:
    """Cuts at each step until one is not cut any more, and looks at each."""
    step, cut = 0, True
    while cut:
        shutil.copytree(old, work)
        (work / "next").mkdir()
        cut = one_process(work, new, step)
        sys.stdout.write(json.dumps({"step": step, "cut": cut, **state_of(work)}) + "\n")
        shutil.rmtree(work)
        step += 1


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
