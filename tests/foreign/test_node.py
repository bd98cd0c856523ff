"""A client in JavaScript, written from docs/protocol.md alone, agrees with the SDK."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from partner_sdk.columns import FrameAnswer
from rongan_share.wire.identifiers import SPECS
from rongan_share.wire.vocabulary import State, Suite
from tests.foreign.world import (
    LISTED,
    NOT_ENTITLED,
    SUBJECT_END,
    TERMS,
    UNLISTED,
    World,
    reference_of,
    rows,
    summary_facts,
)
from tests.support.processes import ROOT

FOLDER = Path(__file__).with_name("node")
VECTORS = ROOT / "vectors" / "identifiers.json"
SECONDS = 60
ALL = [*LISTED, UNLISTED, NOT_ENTITLED]

Json = Any
Run = Callable[..., list[Json]]


def node() -> str:
    """Finds Node with what the client needs, or skips."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not installed: `make system` installs it")
    if not (FOLDER / "node_modules" / "@grpc" / "grpc-js").is_dir():
        pytest.skip("node_modules is missing: `make test` installs it where npm is there")
    return found


def call(command: str, file: Path) -> Json:
    """Runs the client to its end."""
    done = subprocess.run(
        [node(), str(FOLDER / "client.js"), command, str(file)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def run(world: World, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs steps as one of the partners."""

    def run_steps(*steps: Json, folder: Path = world.asker) -> list[Json]:
        job = {
            "target": world.hub.target,
            "credentials": str(folder),
            "protos": str(ROOT / "protos"),
            "steps": steps,
        }
        file = tmp_path_factory.mktemp("job") / "job.json"
        file.write_text(json.dumps(job), encoding="utf-8")
        results: list[Json] = call("run", file)
        return results

    return run_steps


@pytest.fixture(scope="module")
def listed(world: World, run: Run) -> int:
    """Lists what is listed, by Node; gives the sequence that the hub accepted it under."""
    step = {"do": "contribute", "stream_id": reference_of("node").hex(), "frames": [rows()]}
    first, again = run(step, step, folder=world.giver)
    (acknowledged,), (repeated,) = first["answers"], again["answers"]
    assert first["refusal"] is None
    assert (acknowledged["added_count"], acknowledged["repeated"]) == (3, False)
    assert (repeated["added_count"], repeated["repeated"]) == (0, True)
    assert repeated["sequence"] == acknowledged["sequence"]
    verify_commitments(world, acknowledged)
    return int(acknowledged["sequence"])


def check_step(name: str, canonicals: list[str], **terms: object) -> Json:
    """Makes a question about one subject."""
    asked = {**TERMS, **terms}
    request_id = reference_of(name).hex()
    return {"do": "check", "terms": asked, "canonicals": canonicals, "request_id": request_id}


def stream_step(name: str, *frames: Json, **terms: object) -> Json:
    """Makes a stream of questions."""
    asked = {**TERMS, **terms}
    batch_id = reference_of(name).hex()
    return {"do": "stream", "terms": asked, "frames": frames, "batch_id": batch_id}


def verify_commitments(world: World, result: Json) -> None:
    """What the client computed of question and answer is what the audit log holds."""
    entry = world.entry(result["entry_index"])
    assert entry.request_commitment.hex() == result["request_commitment"]
    assert entry.answer_commitment.hex() == result["answer_commitment"]


def summary_read(summary: Json) -> Json:
    """Turns a summary that Node read into numbers alone."""
    return None if summary is None else {name: int(value) for name, value in summary.items()}


def test_checks_a_subject(world: World, run: Run, listed: int) -> None:
    """A verdict on one subject says to Node what it says to the SDK."""
    (result,) = run(check_step("one", ALL, at_least_sequence=str(listed)))
    verdict = world.sdk_check(ALL, at_least=listed)
    assert result["state"] == f"STATE_{verdict.state.name}" == "STATE_LISTED"
    assert result["token_states"] == [f"STATE_{each.name}" for each in verdict.token_states]
    assert summary_read(result["summary"]) == summary_facts(verdict.summary)
    assert result["matched_count"] == verdict.matched_count == 2
    ids = [int(each["listing_id"]) for each in result["listings"]]
    assert ids == [each.listing_id for each in verdict.listings]
    verify_commitments(world, result)


def test_same_question_is_paid_for_once(run: Run, listed: int) -> None:
    """The same request_id with the same content is answered afresh and not charged."""
    step = check_step("paid once", ALL, at_least_sequence=str(listed))
    first, again = run(step, step)
    assert first["entry_index"] != again["entry_index"]
    assert first["quota_left"]["day_count"] == again["quota_left"]["day_count"]


def test_streams_frames(world: World, run: Run, listed: int) -> None:
    """Frames with and without subjects say to Node what they say to the SDK."""
    with_subjects = {"canonicals": ALL, "subject_end": SUBJECT_END}
    without = {"canonicals": ALL[::-1]}
    step = stream_step("frames", with_subjects, without, at_least_sequence=str(listed))
    (result,) = run(step)
    assert result["refusal"] is None
    first, second = result["answers"]
    agree(first, world.sdk_frame(ALL, SUBJECT_END))
    agree(second, world.sdk_frame(ALL[::-1], ()))
    assert first["states"] == ["LISTED"] * 3 + ["NOT_LISTED", "NOT_ENTITLED"]
    assert first["subjects"]["0"]["matched"] == 2
    for answer in (first, second):
        verify_commitments(world, answer)


def agree(result: Json, answer: FrameAnswer) -> None:
    """Compares what Node and the SDK read of a frame."""
    states = [answer.state(index) for index in range(answer.token_count)]
    assert result["states"] == [state.name for state in states]
    listed = [index for index, state in enumerate(states) if state is State.LISTED]
    assert sorted(result["summaries"]) == [str(index) for index in listed]
    for index in listed:
        expected = summary_facts(answer.summary(index))
        assert summary_read(result["summaries"][str(index)]) == expected
    assert sorted(result["subjects"]) == [str(index) for index in answer.listed_subject]
    for place, index in enumerate(answer.listed_subject):
        told = summary_read(result["subjects"][str(index)])
        assert told.pop("matched") == answer.subject_matched[place]
        assert told == summary_facts(answer.subject(index).summary)


def test_reads_refusals(run: Run) -> None:
    """Status, reason and metadata of a refusal arrive; a refused frame is named."""
    other_purpose = check_step("purpose", ALL, purpose="PURPOSE_AML_CFT")
    cut_frame = stream_step("cut", {"canonicals": ALL}, {"cut": 17})
    refused, stream = run(other_purpose, cut_frame)
    told = refused["refusal"]
    assert told["metadata"].pop("callId")
    assert told == {
        "code": "PERMISSION_DENIED",
        "reason": "PURPOSE_NOT_GRANTED",
        "domain": "rongan-share",
        "metadata": {"purpose": "AML_CFT"},
    }
    assert len(stream["answers"]) == 1
    assert stream["refusal"]["code"] == "INVALID_ARGUMENT"
    assert stream["refusal"]["reason"] == "COLUMN_MALFORMED"
    assert stream["refusal"]["metadata"]["frameNumber"] == "2"


@pytest.fixture(scope="module")
def published() -> Json:
    """What Node makes of the published vectors."""
    return call("vectors", VECTORS)


@pytest.mark.parametrize("suite", [suite.name for suite in Suite])
def test_published_vectors(published: Json, suite: str) -> None:
    """Every published token of every type is made again from its canonical string by Node."""
    not_made = [name for name in published["not_made"] if name.endswith(f" {suite}")]
    if not_made:
        pytest.skip(f"the OpenSSL of this Node lacks the hash: {len(not_made)} tokens not made")
    assert published["wrong"] == []
    made = {name.split()[0] for name in published["equal"] if name.endswith(f" {suite}")}
    assert made == {identifier_type.name for identifier_type in SPECS}


def test_lock_names_no_address() -> None:
    """The lock pins versions and digests, and leaves open where packages come from."""
    lock = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))
    packages = [package for name, package in lock["packages"].items() if name]
    assert packages
    assert all("resolved" not in package and package["integrity"] for package in packages)
    wanted = lock["packages"][""]["dependencies"].values()
    assert all(re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", version) for version in wanted)
