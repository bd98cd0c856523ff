"""A contributor as a process of its own: new rows over one stream until its input ends.

``python -m benchmarks.contributor TARGET CERTIFICATE KEY ROOTS FIRST DAY ROWS_PER_SECOND`` writes a
line when its first frame is acknowledged, and rows acknowledged and seconds as a second line at the
end. A closed loop: two frames are under way at most, so that the hub always has one to work on.
With ROWS_PER_SECOND 0 it goes as fast as it is answered.
"""

from __future__ import annotations

import secrets
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import numpy as np

from benchmarks.calls import raw_stream
from benchmarks.enrolment import Identity
from benchmarks.listings import columns_of
from benchmarks.machine import start_server
from benchmarks.rows_contribution import CONTRIBUTE, FRAME_ROWS, encode_frame, encode_opening
from benchmarks.world import CONTRIBUTORS
from rongan_share.ca import CredentialFiles
from rongan_share.v1 import contribution_service_pb2 as pb

if TYPE_CHECKING:
    from benchmarks.machine import Server
    from benchmarks.world import World

UNDER_WAY = 2
_START_SECONDS = 60.0
_PAUSE_SECONDS = 0.1


@dataclass
class Contribution:
    """One stream of new rows, resumed where the hub asks to try again.

    Attributes:
        first: Number of the first row.
        day: Present day.
        rows_per_second: Rows to send a second; 0 = as fast as they are acknowledged.
        acknowledged: Frames that are durable.
        over: Set when no further frame may be sent.
    """

    first: int
    day: int
    rows_per_second: int
    acknowledged: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    _unanswered: deque[bytes] = field(default_factory=deque)
    _made: int = 0
    _began: float = 0.0

    def run(self, channel: grpc.Channel) -> None:
        """Contributes until it is over."""
        opening = encode_opening(secrets.token_bytes(16))
        self._began = time.perf_counter()
        call = raw_stream(channel, CONTRIBUTE)
        while not self.over.is_set():
            room = threading.Semaphore(max(0, UNDER_WAY - len(self._unanswered)))
            ended = threading.Event()
            try:
                for raw in call(self._requests(opening, room, ended=ended)):
                    answer = pb.ContributeResponse.FromString(raw)
                    for _ in range(answer.frame_number - self.acknowledged):
                        self._unanswered.popleft()
                        room.release()
                    if not self.acknowledged:
                        say("contributing")
                    self.acknowledged = answer.frame_number
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                self.over.wait(_PAUSE_SECONDS)
            finally:
                ended.set()

    def _requests(
        self, opening: bytes, room: threading.Semaphore, *, ended: threading.Event
    ) -> Iterator[bytes]:
        yield opening
        yield from tuple(self._unanswered)
        while not (self.over.is_set() or ended.is_set()):
            if not room.acquire(timeout=_PAUSE_SECONDS):
                continue
            if self.rows_per_second:
                due = self._began + self._made * FRAME_ROWS / self.rows_per_second
                self.over.wait(max(0.0, due - time.perf_counter()))
            request = self._make()
            self._unanswered.append(request)
            yield request

    def _make(self) -> bytes:
        first = self.first + self._made * FRAME_ROWS
        self._made += 1
        numbers = np.arange(first, first + FRAME_ROWS, dtype=np.uint64)
        return encode_frame(self._made, columns_of(numbers, numbers, self.day))


def start_contributor(world: World, *, rows_per_second: int) -> Server:
    """Starts a contributor on the client's core and waits until its first frame is durable."""
    files = world.partners[CONTRIBUTORS[0]].files
    words = [world.target, *map(str, (files.certificate, files.key, files.roots))]
    words += map(str, (world.fresh_numbers(), world.population.day, rows_per_second))
    command = [sys.executable, "-m", "benchmarks.contributor", *words]
    contributor = start_server(command, world.folder, beside_client=True)
    contributor.first_line(_START_SECONDS)
    return contributor


def stop_contributor(contributor: Server) -> float:
    """Ends a contributor; returns the rows a second that became durable."""
    contributor.end_input()
    rows, seconds = contributor.log.read_text().splitlines()[1].split()
    return int(rows) / float(seconds)


def say(text: str) -> None:
    """Writes a line that whoever started the process waits for."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> None:
    """Contributes until standard input ends."""
    target, certificate, key, roots = arguments[:4]
    first, day, rows_per_second = map(int, arguments[4:])
    contribution = Contribution(first, day, rows_per_second)
    identity = Identity(CredentialFiles(Path(certificate), Path(key), Path(roots)))

    def wait() -> None:
        sys.stdin.read()
        contribution.over.set()

    threading.Thread(target=wait, daemon=True).start()
    began = time.perf_counter()
    with identity.channel(target) as channel:
        contribution.run(channel)
    seconds = time.perf_counter() - began
    say(f"{contribution.acknowledged * FRAME_ROWS} {seconds:.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
