"""Where the hub's time goes: the walk in this process, without gRPC and TLS, under cProfile.

``python -m benchmarks.profile_walk unary|sparse|listed [--listings N]`` prints what an item takes,
by the clock and of the processor, and the functions that take most of it in the thread that decides
and in the committer's. cProfile makes small functions look larger than they are.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from benchmarks.rows_frames import LARGE, LISTED, SPARSE, make_frames, opening_message
from benchmarks.rows_unary import IN_FLIGHT, check_requests
from benchmarks.world import Scale, World
from rongan_share.clock import monotonic_ns
from rongan_share.gate.handlers import parse, reader
from rongan_share.gate.table import route_table
from rongan_share.gate.walk import Peer
from rongan_share.ledger.committer import Committer
from rongan_share.processes.hub import Hub

if TYPE_CHECKING:
    from rongan_share.gate.walk import Pending, Walk

_CALLS, _FRAMES, _SHOWN = 4_000, 100, 25
_FRAME_SCALE = 1 / 8


def run_unary(world: World, walk: Walk, make_peer: Callable[[], Peer]) -> int:
    """Takes calls through the walk, as many at once as the row has in flight."""
    route = route_table()["VerdictService/CheckSubject"]
    requests = check_requests(world, _CALLS)
    for begin in range(0, _CALLS, IN_FLIGHT):
        some = requests[begin : begin + IN_FLIGHT]
        pending = [walk.decide(route, make_peer(), reader(route, raw)) for raw in some]
        for each in pending:
            walk.settle(each).SerializeToString()
    return _CALLS


def run_frames(world: World, walk: Walk, make_peer: Callable[[], Peer], *, share: float) -> int:
    """Takes the frames of a stream through the walk, each decided while the last one commits."""
    route = route_table()["VerdictService/StreamVerdicts"]
    side = route.frames
    if side is None:
        raise TypeError("frames")
    opening = opening_message()
    before: Pending | None = None
    requests = make_frames(world, LARGE, share).requests
    for raw in requests:
        frame = parse(route, raw).frame  # type: ignore[attr-defined]
        read = partial(side.read, opening, frame)
        after = before.link if before else None
        pending = walk.decide(route, make_peer(), read, after=after)
        if before:
            walk.settle(before).SerializeToString()
        before = pending
    if before:
        walk.settle(before)
    return len(requests)


MODES: dict[str, Callable[[World, Walk, Callable[[], Peer]], int]] = {
    "unary": run_unary,
    "sparse": partial(run_frames, share=SPARSE),
    "listed": partial(run_frames, share=LISTED),
}


@contextmanager
def profiled_committer() -> Iterator[cProfile.Profile]:
    """Has committers that are made in the block run under a profile, which is their thread's."""
    profile, run = cProfile.Profile(), vars(Committer)["_run"]
    setattr(Committer, "_run", lambda self: profile.runcall(run, self))  # noqa: B010 - no offer
    try:
        yield profile
    finally:
        setattr(Committer, "_run", run)  # noqa: B010 - see above


def main() -> None:
    """Reads the command line and profiles."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile_walk", description=__doc__)
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("--listings", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rongan-bench-")))
        scale = Scale(listing_count=arguments.listings, share=_FRAME_SCALE)
        world = World(folder, scale, stack)
        world.hub.stop()
        leaf = x509.load_pem_x509_certificate(world.asker.files.certificate.read_bytes())
        pem = leaf.public_bytes(Encoding.PEM)

        def make_peer() -> Peer:
            return Peer(certificate_pem=pem, call_id="-", receipt_ns=monotonic_ns())

        deciding = cProfile.Profile()
        with profiled_committer() as committing, Hub(world.settings) as hub:
            run = partial(MODES[arguments.mode], world, hub.walk, make_peer)
            run()
            wall, cpu = time.perf_counter(), time.process_time()
            count = deciding.runcall(run)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"{wall / count * 1e6:.0f} us an item, of the processor {cpu / count * 1e6:.0f}")
        for name, profile in (("deciding", deciding), ("committing", committing)):
            print(f"\n{name}")
            pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(_SHOWN)


if __name__ == "__main__":
    main()
