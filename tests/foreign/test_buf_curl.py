"""`buf curl`, a client in Go, needs the protos and a partner's files, and agrees with the SDK."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2

from partner_sdk.columns import read_answer
from partner_sdk.credentials import CERTIFICATE_FILE, KEY_FILE, ROOTS_FILE
from partner_sdk.verdicts import read_verdict
from rongan_share.v1 import verdict_service_pb2 as verdict_pb
from rongan_share.wire.taxonomy import packaged_taxonomy
from rongan_share.wire.vocabulary import State
from tests.foreign.world import (
    LISTED,
    NOT_ENTITLED,
    SUBJECT_END,
    TERMS,
    UNLISTED,
    World,
    reference_of,
    rows,
    type_of,
)
from tests.support.processes import ROOT
from tests.walk.asking import Row, contribute

BUF = Path(sys.executable).with_name("buf")
SECONDS = 60
STATUS_FACTOR = 8
"""The exit code of `buf curl` is the status code of gRPC times this."""
INVALID_ARGUMENT, PERMISSION_DENIED = 3, 7
ALL = [*LISTED, UNLISTED, NOT_ENTITLED]

Json = Any


@pytest.fixture(scope="module", autouse=True)
def _listed(world: World) -> None:
    """Lists what is listed, and waits until look-ups know it."""
    caller = world.hub.connect(world.hub.rejoin(world.giver))
    tokens = world.tokens(LISTED)
    given = []
    for number, row in enumerate(rows()):
        numbers = {
            name: int(value)
            for name, value in row.items()
            if name not in {"canonical", "reference"}
        }
        given.append(
            Row(
                token=tokens[16 * number : 16 * number + 16],
                type=type_of(row["canonical"]),
                reference=bytes.fromhex(row["reference"]),
                **numbers,
            )
        )
    (acknowledged,) = contribute(caller, given)
    world.sdk_check(ALL, at_least=acknowledged.sequence)


def curl(
    world: World, method: str, *messages: Json, folder: Path | None = None
) -> tuple[int, list[Json], Json]:
    """Calls a method; gives the exit code, the answers and the refusal."""
    files = folder or world.asker
    done = subprocess.run(
        [
            *(str(BUF), "curl", "--protocol", "grpc", "--schema", str(ROOT / "protos")),
            *("--cacert", str(files / ROOTS_FILE)),
            *("--cert", str(files / CERTIFICATE_FILE), "--key", str(files / KEY_FILE)),
            *(
                "--data",
                "@-",
                f"https://{world.hub.target}/rongan_share.v1.VerdictService/{method}",
            ),
        ],
        input="\n".join(json.dumps(message) for message in messages),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    answers = list(documents(done.stdout))
    return done.returncode, answers, json.loads(done.stderr) if done.returncode else None


def documents(text: str) -> Iterator[Json]:
    """Reads JSON documents that follow each other."""
    text = text.strip()
    while text:
        document, end = json.JSONDecoder().raw_decode(text)
        yield document
        text = text[end:].lstrip()


def encoded(content: bytes) -> str:
    """Writes bytes as JSON of protobuf does."""
    return base64.b64encode(content).decode()


def terms(world: World, **changed: object) -> Json:
    """Says why and how it is asked, under which epoch."""
    epoch = world.client.token_epoch()
    return {**TERMS, "suite": f"SUITE_{epoch.suite.name}", "epoch": epoch.number, **changed}


def question(world: World, name: str, **changed: object) -> Json:
    """Makes a question about one subject."""
    return {
        **terms(world, **changed),
        "request_id": encoded(reference_of(name)),
        "tokens": encoded(world.tokens(ALL)),
        "types": encoded(bytes(type_of(each) for each in ALL)),
    }


def info_of(refusal: Json) -> error_details_pb2.ErrorInfo:
    """Decodes the one ErrorInfo of a refusal."""
    (detail,) = [each for each in refusal["details"] if each["type"] == "google.rpc.ErrorInfo"]
    padded = detail["value"] + "=" * (-len(detail["value"]) % 4)
    return error_details_pb2.ErrorInfo.FromString(base64.b64decode(padded))


def test_checks_a_subject(world: World) -> None:
    """A verdict on one subject is the one that the SDK gets."""
    code, (answer,), _ = curl(world, "CheckSubject", question(world, "buf one"))
    assert code == 0
    message = json_format.ParseDict(answer, verdict_pb.CheckSubjectResponse())
    verdict = read_verdict(
        message, packaged_taxonomy(), token_count=len(ALL), request_id=reference_of("buf one")
    )
    expected = world.sdk_check(ALL)
    assert verdict.state is State.LISTED
    for name in ("token_states", "summary", "matched_count", "listings", "coverage"):
        assert getattr(verdict, name) == getattr(expected, name)


def test_streams_frames(world: World) -> None:
    """Frames are answered column by column as to the SDK."""
    opening = terms(world, batch_id=encoded(reference_of("buf batch")))
    ends = b"".join(end.to_bytes(4, "little") for end in SUBJECT_END)
    types = encoded(bytes(type_of(each) for each in ALL))
    tokens = encoded(world.tokens(ALL))
    asked = [
        {"frame_number": 1, "tokens": tokens, "types": types, "subject_end": encoded(ends)},
        {"frame_number": 2, "tokens": tokens, "types": types},
    ]
    messages = [{"open": opening}, *({"frame": frame} for frame in asked)]
    code, answers, _ = curl(world, "StreamVerdicts", *messages)
    assert (code, len(answers)) == (0, 2)
    for frame, answer, subject_end in zip(asked, answers, (SUBJECT_END, ()), strict=True):
        told = read_answer(
            json_format.ParseDict(answer, verdict_pb.StreamVerdictsResponse()),
            json_format.ParseDict(frame, verdict_pb.VerdictFrame()),
            packaged_taxonomy(),
        )
        expected = world.sdk_frame(ALL, subject_end)
        assert list(told.listed()) == list(expected.listed())
        assert list(told.listed_subjects()) == list(expected.listed_subjects())
        assert list(told.others()) == list(expected.others())
        assert told.not_listed_count == expected.not_listed_count == 1


def test_reads_a_refusal(world: World) -> None:
    """A refusal arrives with status, reason and metadata."""
    asked = question(world, "buf purpose", purpose="PURPOSE_AML_CFT")
    code, answers, refusal = curl(world, "CheckSubject", asked)
    assert (code, answers) == (PERMISSION_DENIED * STATUS_FACTOR, [])
    info = info_of(refusal)
    assert (info.reason, info.domain) == ("PURPOSE_NOT_GRANTED", "rongan-share")
    assert info.metadata["purpose"] == "AML_CFT"
    assert info.metadata["callId"]


def test_refused_frame_is_named(world: World) -> None:
    """Frames before a refused one are answered, and the refusal names the refused one."""
    opening = terms(world, batch_id=encoded(reference_of("buf cut")), type="IDENTIFIER_TYPE_DOMAIN")
    good = {"frame_number": 4, "tokens": encoded(world.tokens(LISTED[2:]))}
    cut = {"frame_number": 5, "tokens": encoded(bytes(17))}
    messages = [{"open": opening}, {"frame": good}, {"frame": cut}]
    code, answers, refusal = curl(world, "StreamVerdicts", *messages)
    assert code == INVALID_ARGUMENT * STATUS_FACTOR
    assert [answer["frameNumber"] for answer in answers] == ["4"]
    info = info_of(refusal)
    assert info.reason == "COLUMN_MALFORMED"
    assert info.metadata["frameNumber"] == "5"
    assert info.metadata["column"] == "tokens"
