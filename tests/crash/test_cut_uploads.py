"""An upload over a line that breaks after any message or byte: resumed, exact, nothing twice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest

from partner_sdk.columns import Frame
from partner_sdk.contributions import Ack, RowFrame
from partner_sdk.sources.rows import ParsedRow, Row, parse_row
from partner_sdk.streams import WINDOW
from rongan_share.model.quota import Meter
from rongan_share.wire.frames import TOKEN_BYTES
from rongan_share.wire.identifiers import parse_identifier
from rongan_share.wire.taxonomy import packaged_taxonomy
from rongan_share.wire.vocabulary import Channel, IdentifierType, Purpose, RowOperation
from tests.support.books import fault_of_log, read_books
from tests.support.processes import PROMPT, HubProcess, days_ahead, hub_process
from tests.support.proxy import Proxy, Way, proxy_to

FRAMES = 200
FRAME_ROWS = 12
ASKER = "bank-q"

STUBBORN = replace(PROMPT, tries=30)

Oracle = dict[str, int | None]
"""What should be listed: severity by site, None once it is withdrawn."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """One hub; each test contributes as a partner of its own."""
    with hub_process(tmp_path_factory.mktemp("cut") / "home") as running:
        running.credentials(ASKER)
        yield running


def upload(prefix: str, rng: random.Random) -> tuple[list[RowFrame], Oracle, int]:
    """Makes frames that add, amend and withdraw, what they should come to, and what they cost."""
    oracle: Oracle = {}
    frames: list[RowFrame] = []
    for number in range(FRAMES):
        rows = [row_of("ADD", f"{prefix}-{number}-{place}", 1) for place in range(FRAME_ROWS - 2)]
        live = [site for site, severity in oracle.items() if severity]
        for site, operation in zip(
            rng.sample(live, min(len(live), 2)), ("AMEND", "WITHDRAW"), strict=False
        ):
            rows.append(row_of(operation, site, 3))
            oracle[site] = 3 if operation == "AMEND" else None
        oracle |= {f"{prefix}-{number}-{place}": 1 for place in range(FRAME_ROWS - 2)}
        frames.append(RowFrame(tuple(rows)))
    cost = sum(row.operation is not RowOperation.WITHDRAW for f in frames for row in f.rows)
    return frames, oracle, cost


def row_of(operation: str, site: str, severity: int) -> ParsedRow:
    """Makes a row about a site, which is its own record."""
    row = Row(line=1, op=operation, reference=site, type="DOMAIN", value=f"{site}.example")
    if operation != "WITHDRAW":
        row = replace(
            row,
            severity=str(severity),
            evidence="VERIFIED",
            source_class="PEER_DOMESTIC",
            legal_basis="ANTI_TELECOM_FRAUD_LAW",
            expiry_date=days_ahead(30),
        )
    return parse_row(replace(row, category="G2"), packaged_taxonomy())


def verify_store(hub: HubProcess, partner: str, oracle: Oracle, *, cost: int) -> None:
    """Fails unless what is listed equals the oracle and was paid for exactly."""
    books = read_books(hub)
    assert books.sequences == list(range(1, books.list_sequence + 1))
    assert books.charged == books.spent
    assert books.spent[partner, Meter.CONTRIBUTION] == cost
    assert fault_of_log(hub) is None
    canonicals = [parse_identifier(IdentifierType.DOMAIN, f"{site}.example") for site in oracle]
    with hub.dial(hub.home.parent / ASKER) as asker:
        tokens = asker.tokenizer().tokens(canonical.text for canonical in canonicals)
        (answer,) = asker.stream_verdicts(
            [Frame(tokens)], purpose=Purpose.ANTI_FRAUD, channel=Channel.BATCH
        )
    summaries = [answer.summary(at) for at in range(len(canonicals))]
    assert [each.severity if each else None for each in summaries] == list(oracle.values())


def verify_acks(acks: list[Ack], frames: list[RowFrame]) -> None:
    """Fails unless every frame was acknowledged once, in order, with all of its rows."""
    assert [ack.frame_number for ack in acks] == list(range(1, FRAMES + 1))
    assert [ack.row_count for ack in acks] == [len(frame.rows) for frame in frames]
    assert [ack.sequence for ack in acks] == list(range(acks[0].sequence, acks[-1].sequence + 1))
    for ack in acks:
        counted = ack.added_count + ack.amended_count + ack.withdrawn_count + ack.unchanged_count
        assert counted == (0 if ack.repeated else ack.row_count)


def test_cut_after_each_message(hub: HubProcess) -> None:
    """The line breaks after each acknowledgement; the store equals the oracle, counts exact."""
    rng = random.Random(1)
    folder = hub.credentials("bank-c")
    frames, oracle, cost = upload("c", rng)
    acks: list[Ack] = []
    with proxy_to(hub.port) as proxy, hub.dial(folder, proxy.target) as client:
        for ack in client.contribute(frames, stream_id=rng.randbytes(TOKEN_BYTES)):
            acks.append(ack)
            proxy.cut()
        assert proxy.connections > FRAMES / 2
    verify_acks(acks, frames)
    verify_store(hub, "bank-c", oracle, cost=cost)


@pytest.mark.parametrize("seed", range(3))
def test_cut_at_any_byte(hub: HubProcess, seed: int) -> None:
    """The line breaks at seeded bytes of either direction, acknowledgements lost included."""
    rng = random.Random(seed)
    partner = f"bank-d{seed}"
    folder = hub.credentials(partner)
    frames, oracle, cost = upload(f"d{seed}", rng)
    with proxy_to(hub.port) as proxy, hub.dial(folder, proxy.target, STUBBORN) as client:
        cuts = arm_again(proxy, rng)
        acks = list(client.contribute(frames, stream_id=rng.randbytes(TOKEN_BYTES)))
        proxy.disarm()
    assert len(cuts) > 10
    verify_acks(acks, frames)
    verify_store(hub, partner, oracle, cost=cost)


def arm_again(proxy: Proxy, rng: random.Random) -> list[Way]:
    """Cuts the line at a byte drawn anew after each cut; returns the cuts as they happen."""
    cuts: list[Way] = []

    def arm() -> None:
        way = rng.choice(list(Way))
        # A handshake takes some thousand bytes; most lines live beyond it.
        count = rng.randrange(*((3_000, 15_000) if way is Way.UP else (1_500, 8_000)))

        def cut() -> None:
            cuts.append(way)
            proxy.cut()
            arm()

        proxy.disarm()
        proxy.arm(way, count, cut)

    arm()
    return cuts


def test_given_up_and_taken_up_by_another_client(hub: HubProcess) -> None:
    """A program that gives up after some frames is followed by one that sends only the rest."""
    rng = random.Random(4)
    hub.credentials("bank-e")
    frames, oracle, cost = upload("e", rng)
    stream_id = rng.randbytes(TOKEN_BYTES)
    last = runs = 0
    while numbers := numbers_taken_up(hub, frames, stream_id, most=rng.randint(1, 30)):
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        # The frames under way when the program before gave up may have arrived or not.
        assert last < numbers[0] <= last + 1 + WINDOW
        last = numbers[-1]
        runs += 1
    assert FRAMES - WINDOW <= last <= FRAMES
    assert runs > 5
    verify_store(hub, "bank-e", oracle, cost=cost)


def numbers_taken_up(
    hub: HubProcess, frames: list[RowFrame], stream_id: bytes, *, most: int
) -> list[int]:
    """Contributes with a client of its own until so many frames are acknowledged, then stops."""
    with hub.dial(hub.home.parent / "bank-e") as client:
        acks = client.contribute(frames, stream_id=stream_id)
        return [ack.frame_number for ack in islice(acks, most)]
