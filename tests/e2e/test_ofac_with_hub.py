"""The whole OFAC list at a hub: every token is listed under its entity, and identifiers add up."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from partner_sdk.client import Client
from partner_sdk.columns import Frame
from partner_sdk.contributions import RowFrame, frames_of_rows
from partner_sdk.credentials import Credentials
from partner_sdk.sources.csv_file import parse_rows
from partner_sdk.sources.ofac import OfacList
from partner_sdk.sources.rows import ParsedRow
from rongan_share.wire.frames import MAX_SUBJECT_TOKENS
from rongan_share.wire.sources import reference_from_text
from rongan_share.wire.vocabulary import Channel, IdentifierType, Purpose, State, SummaryFlag
from tests.support.hub import HubUnderTest, running_hub
from tests.support.processes import ROOT, write_credentials

SDN = ROOT / "examples" / "ofac" / "sdn.csv"
SUBJECTS = 5_000


class Stage(NamedTuple):
    """A hub that holds the list, a partner that asks, and the rows that were sent."""

    hub: HubUnderTest
    asker: Client
    rows: list[ParsedRow]


@pytest.fixture(name="stage", scope="module")
def listed_at_a_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Contributes the list through the SDK."""
    folder = tmp_path_factory.mktemp("ofac")
    with running_hub(folder / "home") as hub:
        with client_of(hub, folder / "bank-a") as contributor:
            frames = list(frames_of_list(contributor))
            acks = list(contributor.contribute(frames, stream_id=bytes(range(16))))
        rows = [row for frame in frames for row in frame.rows]
        assert sum(ack.added_count for ack in acks) == len(rows)
        with client_of(hub, folder / "bank-b") as asker:
            yield Stage(hub, asker, rows)


def client_of(hub: HubUnderTest, folder: Path) -> Client:
    """Makes a partner, named as its folder, and its client."""
    hub.create_partner(folder.name)
    minted = hub.pki.partner(folder.name)
    hub.register(minted)
    hub.agree(folder.name)
    write_credentials(folder, minted, hub.pki.hub_roots_pem)
    return Client(hub.target, Credentials.from_directory(folder))


def frames_of_list(client: Client) -> Iterator[RowFrame]:
    """Makes the frames of the list, aliases included."""
    return frames_of_rows(parse_rows(OfacList(SDN).rows(), client.taxonomy()))


def subjects_of(rows: list[ParsedRow]) -> list[list[ParsedRow]]:
    """Cuts the rows of each entity into subjects of as many tokens as one may have."""
    subjects = []
    for _, group in groupby(rows, key=lambda row: row.reference):
        record = list(group)
        subjects += [
            record[start : start + MAX_SUBJECT_TOKENS]
            for start in range(0, len(record), MAX_SUBJECT_TOKENS)
        ]
    return subjects


def tokens_of(client: Client, rows: list[ParsedRow]) -> bytes:
    """Makes the tokens of rows."""
    return client.tokenizer().tokens(row.canonical.text for row in rows if row.canonical)


def frames_of_subjects(client: Client, subjects: list[list[ParsedRow]]) -> Iterator[Frame]:
    """Makes the frames that ask about subjects."""
    for start in range(0, len(subjects), SUBJECTS):
        asked = subjects[start : start + SUBJECTS]
        rows = [row for subject in asked for row in subject]
        yield Frame(
            tokens=tokens_of(client, rows),
            types=bytes(row.canonical.type for row in rows if row.canonical),
            subject_end=tuple(np.cumsum([len(subject) for subject in asked]).tolist()),
        )


def test_every_token_is_listed_in_one_record(stage: Stage) -> None:
    """Asked entity by entity, every token is LISTED, and all of an entity meet in one record."""
    subjects = subjects_of(stage.rows)
    frames = frames_of_subjects(stage.asker, subjects)
    answers = stage.asker.stream_verdicts(
        frames, purpose=Purpose.SANCTIONS, channel=Channel.BATCH, categories=["E4"]
    )
    matched: list[int] = []
    for answer in answers:
        assert len(answer.listed_index) == answer.token_count
        matched += answer.subject_matched
    assert matched == [len(subject) for subject in subjects]


def test_every_token_stands_under_its_reference(stage: Stage) -> None:
    """The hub keeps each token under the reference of its entity."""
    facts = stage.hub.hub.walk.hub
    tokens = tokens_of(stage.asker, stage.rows)
    enciphered = facts.hub_keys.cipher(1).encipher(tokens)
    matches = stage.hub.hub.follower.snapshot().find_tokens(enciphered)
    found = zip(matches.query.tolist(), matches.rows["reference"].tolist(), strict=True)
    kept = {(index, reference.ljust(16, b"\0")) for index, reference in found}
    assert kept >= {(index, row.reference) for index, row in enumerate(stage.rows)}


@pytest.mark.parametrize(
    ("number", "identifiers"),
    [
        (
            "26236",
            [
                (IdentifierType.PASSPORT, "CHN|G31920875"),
                (IdentifierType.CN_RID, "310107198306111336"),
                (IdentifierType.EMAIL, "goldenchemical@live.com"),
                (IdentifierType.CRYPTO_ADDR, "BTC|17ezuJoT3XBbdcwFZbkTnrXbup11F4uhiy"),
            ],
        ),
        (
            "16681",
            [
                (IdentifierType.ORG_NAME, "Bank Rossiya"),
                (IdentifierType.BIC, "ROSYRU2P"),
                (IdentifierType.TAX_ID, "RUS|7831000122"),
                (IdentifierType.DOMAIN, "abr.ru"),
                (IdentifierType.EMAIL, "bank@abr.ru"),
            ],
        ),
        (
            "12300",
            [
                (IdentifierType.NATIONAL_ID, "COL|7548733"),
                (IdentifierType.NATIONAL_ID, "MEX|CIVJ650513HNEFLR06"),
                (IdentifierType.TAX_ID, "MEX|CIVJ650513LJA"),
                (IdentifierType.PASSPORT, "COL|AL720622"),
                (IdentifierType.NAME_DOB, "Jorge Milton Cifuentes Villa|1965-05-13"),
            ],
        ),
    ],
)
def test_joint_match_of_a_real_entity(
    stage: Stage, number: str, identifiers: list[tuple[IdentifierType, str]]
) -> None:
    """Several identifiers of one entity meet in one record; a stranger's beside them does not."""
    reference = reference_from_text(f"OFAC-SDN|{number}")
    assert any(row.reference == reference for row in stage.rows)
    verdict = ask(stage, identifiers)
    assert verdict == (State.LISTED, len(identifiers))
    stranger = (IdentifierType.EMAIL, "nobody@stranger.example")
    assert ask(stage, [*identifiers[:2], stranger]) == (State.LISTED, 2)


def test_identifiers_of_two_entities_do_not_join(stage: Stage) -> None:
    """Identifiers of two entities are both listed, and no record holds both."""
    asked = [(IdentifierType.EMAIL, "bank@abr.ru"), (IdentifierType.PASSPORT, "CHN|G31920875")]
    assert ask(stage, asked) == (State.LISTED, 1)


def ask(stage: Stage, identifiers: list[tuple[IdentifierType, str]]) -> tuple[State, int]:
    """Asks about one subject; returns its state and how many identifiers met in one record."""
    verdict = stage.asker.check(
        identifiers, purpose=Purpose.SANCTIONS, channel=Channel.ONBOARDING, categories=["E4"]
    )
    return verdict.state, verdict.matched_count


def test_a_name_alone_is_weak(stage: Stage) -> None:
    """A person's name alone is LISTED weakly, at severity 2 at most."""
    verdict = stage.asker.check(
        [(IdentifierType.PERSON_NAME, "Jorge Milton Cifuentes Villa")],
        purpose=Purpose.SANCTIONS,
        channel=Channel.ONBOARDING,
    )
    assert verdict.summary is not None
    assert SummaryFlag.WEAK in verdict.summary.flags
    assert verdict.summary.severity <= 2
