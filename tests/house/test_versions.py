"""What is released says one version everywhere."""

from __future__ import annotations

import re
from pathlib import Path

import rongan_share
from tests.house import tree


def test_changelog_knows_the_version() -> None:
    """The change log opens with Unreleased; a version it names is not above the package's."""
    titles = re.findall(r"^## \[([^\]]+)\]", tree.read(Path("CHANGELOG.md")), flags=re.MULTILINE)
    assert titles[0] == "Unreleased"
    assert titles[1:2] in ([], [rongan_share.__version__])


def test_generated_code_runs_on_the_floor() -> None:
    """The stubs ask for no newer gRPC and protobuf than pyproject.toml promises partners."""
    project = tree.read(Path("pyproject.toml"))
    grpc_floor = re.search(r'"grpcio>=([\d.]+)"', project)
    protobuf_floor = re.search(r'"protobuf>=([\d.]+)"', project)
    assert grpc_floor is not None
    assert protobuf_floor is not None
    folder = Path("rongan_share/v1")
    stub = tree.read(folder / "verdict_service_pb2_grpc.py")
    assert f"GRPC_GENERATED_VERSION = '{grpc_floor[1]}." in stub
    assert f"Protobuf Python Version: {protobuf_floor[1]}\n" in tree.read(
        folder / "vocabulary_pb2.py"
    )
