"""Many partners in one process of their own, each with a connection and a stream held open.

``python -m benchmarks.stream_holders TARGET PARTNERS ROOTS ACTIVE SECONDS`` goes on to its next
step whenever it is sent a line, and writes one of JSON when a step is done: connect all at once,
open a stream on each, keep ACTIVE of them busy with small frames for SECONDS, have every stream
answer a frame. It counts what failed; an answer that is wrong is a failure.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np

from benchmarks.listings import UNLISTED, tokens_of
from benchmarks.rows_frames import STREAM, opening_message
from rongan_share.v1 import verdict_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

FRAME_TOKENS = 64
PAUSE_SECONDS = 0.25
"""Between an answer and the next frame of a busy stream."""

_ANSWER_SECONDS = 60.0


@dataclass
class Holder:
    """One partner: its connection and its stream.

    Attributes:
        channel: The connection, to this partner's name alone.
        retries: How often the connection failed and was tried again.
        seconds: How long it took to stand.
        slowest: Longest wait for an answer, seconds.
        frames: Frames answered.
    """

    channel: grpc.aio.Channel
    retries: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    frames: int = 0
    _call: Any = field(init=False, default=None)

    async def connect(self) -> None:
        """Waits until the handshake is over, however often it must be tried."""
        began = time.perf_counter()
        state = self.channel.get_state(try_to_connect=True)
        while state is not grpc.ChannelConnectivity.READY:
            self.retries += state is grpc.ChannelConnectivity.TRANSIENT_FAILURE
            await self.channel.wait_for_state_change(state)
            state = self.channel.get_state(try_to_connect=True)
        self.seconds = time.perf_counter() - began

    async def open(self) -> None:
        """Opens the stream."""
        call: Any = self.channel.stream_stream(STREAM)
        self._call = call()
        opening = pb.StreamVerdictsRequest(open=opening_message())
        await self._call.write(opening.SerializeToString())

    async def ask(self) -> None:
        """Sends a frame and reads its answer.

        Raises:
            ValueError: The answer is wrong.
        """
        self.frames += 1
        numbers = np.arange(FRAME_TOKENS, dtype=np.uint64) + np.uint64(UNLISTED)
        frame = pb.VerdictFrame(frame_number=self.frames, tokens=tokens_of(numbers))
        began = time.perf_counter()
        await self._call.write(pb.StreamVerdictsRequest(frame=frame).SerializeToString())
        answer = pb.StreamVerdictsResponse.FromString(
            await asyncio.wait_for(self._call.read(), _ANSWER_SECONDS)
        )
        self.slowest = max(self.slowest, time.perf_counter() - began)
        if (answer.frame_number, answer.not_listed_count) != (self.frames, FRAME_TOKENS):
            raise ValueError("the answer is not that of the frame")

    async def busy(self, seconds: float) -> None:
        """Asks again and again."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            await self.ask()
            await asyncio.sleep(PAUSE_SECONDS)


async def run(holders: Sequence[Holder], *, active: int, seconds: float) -> None:
    """Takes the steps, each when it is told to."""
    steps: list[tuple[Sequence[Holder], Callable[[Holder], Awaitable[None]]]] = [
        (holders, Holder.connect),
        (holders, Holder.open),
        (holders[:active], lambda holder: holder.busy(seconds)),
        (holders, Holder.ask),
    ]
    for who, step in steps:
        await asyncio.to_thread(sys.stdin.readline)
        _say(await _step(who, step))
    await asyncio.to_thread(sys.stdin.readline)


async def _step(
    holders: Sequence[Holder], step: Callable[[Holder], Awaitable[None]]
) -> dict[str, float]:
    began = time.perf_counter()
    for holder in holders:
        holder.slowest = 0.0
    ended = await asyncio.gather(*map(step, holders), return_exceptions=True)
    failed = [each for each in ended if isinstance(each, BaseException)]
    for each in failed[:3]:
        print(repr(each), file=sys.stderr)
    return {
        "seconds": time.perf_counter() - began,
        "failures": len(failed),
        "retries": sum(holder.retries for holder in holders),
        "frames": sum(holder.frames for holder in holders),
        "slowest_connection": max(holder.seconds for holder in holders),
        "slowest_answer": max(holder.slowest for holder in holders),
    }


async def main(arguments: list[str]) -> None:
    """Reads the command line and holds."""
    target, partners, roots, active, seconds = arguments
    trusted = await asyncio.to_thread(Path(roots).read_bytes)
    pairs = json.loads(await asyncio.to_thread(Path(partners).read_text, "ascii"))
    holders = []
    for chain, key in pairs:
        credentials = grpc.ssl_channel_credentials(trusted, key.encode(), chain.encode())
        holders.append(Holder(grpc.aio.secure_channel(target, credentials)))
    await run(holders, active=int(active), seconds=float(seconds))


def _say(facts: dict[str, float]) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(main(sys.argv[1:]))
