"""The image's recipe keeps its promises, and speaks of files and commands that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import tomllib

import rongan_share
from rongan_share.cli.commands import rongan_hub
from tests.house import tree

FOLDER = Path("docker")
CONTINUATION = re.compile(r"\s*\\\n\s*")
LOCKED = re.compile(r"^([\w.-]+)==(\S+)((?: --hash=sha256:[0-9a-f]{64})+)$", flags=re.MULTILINE)


def instructions() -> list[tuple[str, str]]:
    """Reads the Dockerfile as pairs of instruction and arguments, without comments."""
    text = re.sub(r"^#.*\n", "", tree.read(FOLDER / "Dockerfile"), flags=re.MULTILINE)
    lines = CONTINUATION.sub(" ", text).splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines if line.strip()]


def only(name: str) -> str:
    """Returns the arguments of an instruction that must stand exactly once."""
    (found,) = [arguments for each, arguments in instructions() if each == name]
    return found


def locked(path: Path) -> dict[str, tuple[str, frozenset[str]]]:
    """Reads a lock: version and digests by package."""
    text = CONTINUATION.sub(" ", tree.read(path))
    return {
        name: (version, frozenset(rest.split())) for name, version, rest in LOCKED.findall(text)
    }


def names(requirements: list[str]) -> set[str]:
    """Returns the names of requirements that hold on the image's Python."""
    wanted = (each for each in requirements if "python_version <" not in each)
    return {re.split(r"[^\w.-]", each)[0] for each in wanted}


def project() -> dict:
    """Reads pyproject.toml."""
    return tomllib.loads(tree.read(Path("pyproject.toml")))


def test_both_stages_have_one_tagged_image() -> None:
    """Wheel and hub meet the same Python 3.11, which is named by a tag at least."""
    assert re.fullmatch(
        r"PYTHON_IMAGE=python:3\.11-slim-bookworm(@sha256:[0-9a-f]{64})?", only("ARG")
    )
    stages = [arguments.split()[0] for name, arguments in instructions() if name == "FROM"]
    assert stages == ["${PYTHON_IMAGE}"] * 2


def test_hub_is_not_root() -> None:
    """The user is a number other than 0, and stands after the last step that needs root."""
    order = [name for name, _ in instructions()]
    user, _, group = only("USER").partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert not {"RUN", "COPY"} & set(order[order.index("USER") :])


def test_no_shell_stands_between_engine_and_hub() -> None:
    """Entry, default command and health check are words, so that signals reach the hub."""
    assert json.loads(only("ENTRYPOINT")) == ["rongan-hub"]
    (default,) = json.loads(only("CMD"))
    _, _, probe = only("HEALTHCHECK").partition(" CMD ")
    program, verb = json.loads(probe)
    assert program in project()["project"]["scripts"]
    assert {default, verb} <= set(rongan_hub.commands)


def test_nothing_is_fetched_unseen() -> None:
    """Nothing is added by address, and packages are installed with their digests or not at all."""
    assert [arguments for name, arguments in instructions() if name == "ADD"] == []
    steps = [arguments for name, arguments in instructions() if name == "RUN"]
    installs = [part for step in steps for part in step.split(" && ") if " install --no-" in part]
    assert len(installs) == 3
    assert all("--require-hashes" in part or "--no-index" in part for part in installs)


def test_what_is_copied_exists_and_is_let_through() -> None:
    """The builder is sent the files that the Dockerfile names, and nothing else."""
    ignored = tree.read(FOLDER / "Dockerfile.dockerignore").splitlines()
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    copied = set()
    for name, arguments in instructions():
        if name == "COPY" and not arguments.startswith("--from="):
            copied |= set(arguments.split()[:-1])
    assert copied == let_through
    assert [path for path in copied if not (tree.ROOT / path).exists()] == []
    assert "*" in ignored


@pytest.mark.parametrize("name", ["requirements.lock", "build.lock"])
def test_lock_is_part_of_the_tested_one(name: str) -> None:
    """The image runs the very packages that the tests ran with."""
    tested = locked(Path("requirements.lock"))
    ours = locked(FOLDER / name)
    assert ours != {}
    assert {each: ours[each] for each in ours if tested.get(each) != ours[each]} == {}


def test_locks_hold_what_is_needed_and_no_tool() -> None:
    """Every requirement of the hub and of its build is locked; nothing for developers is."""
    facts = project()
    hub = locked(FOLDER / "requirements.lock").keys()
    wanted = facts["project"]["dependencies"] + facts["project"]["optional-dependencies"]["hub"]
    assert names(wanted) <= hub
    tools = names(facts["project"]["optional-dependencies"]["dev"])
    assert hub & tools == set()
    assert names(facts["build-system"]["requires"]) <= locked(FOLDER / "build.lock").keys()


def test_compose_agrees_with_the_image() -> None:
    """Version, user and port are said twice and must be the same; the file system is read-only."""
    compose = tree.read(FOLDER / "compose.yml")
    assert f"image: rongan-hub:{rongan_share.__version__}\n" in compose
    assert f'user: "{only("USER")}"\n' in compose
    assert f'- "{only("EXPOSE")}:{only("EXPOSE")}"\n' in compose
    assert "    read_only: true\n" in compose
    assert re.findall(r"target: (\S+)", compose) == [
        "/hub/home",
        "/hub/home/pki",
        "/hub/home/data",
    ]
