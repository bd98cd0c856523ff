"""Row of enrolment: how long a whole province takes to come to its first certificates."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.report import Family, Result, median_of
from benchmarks.rows_streams import PARTNERS
from partner_sdk import enroll
from rongan_share.config import FILE_NAME
from rongan_share.v1 import operator_service_pb2 as pb
from rongan_share.v1.operator_service_pb2_grpc import OperatorServiceStub
from rongan_share.wire.enrolment_string import EnrolmentString

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.world import World

_THREADS = 8
_NOWHERE, _ANYWHERE = 'enrolment = ""', 'enrolment = "127.0.0.1:0"'


@contextmanager
def _enrolling(world: World) -> Iterator[None]:
    """Lets the hub enrol for a block."""
    path = world.home / FILE_NAME
    said = path.read_text("utf-8")
    if _NOWHERE not in said:
        raise ValueError(f"{path} does not say {_NOWHERE}")
    world.hub.stop()
    path.write_text(said.replace(_NOWHERE, _ANYWHERE), "utf-8")
    world.start()
    try:
        yield
    finally:
        world.hub.stop()
        path.write_text(said, "utf-8")
        world.start()


def _strings(world: World, count: int) -> Iterator[EnrolmentString]:
    """Makes partners and their strings, as an operator does."""
    stamp = time.monotonic_ns()
    with world.operator.channel(world.target) as channel:
        operators = OperatorServiceStub(channel)
        for number in range(count):
            name = f"enrols-{stamp}-{number}"
            operators.CreatePartner(pb.CreatePartnerRequest(partner_id=name, display_name=name))
            made = operators.CreateEnrolment(pb.CreateEnrolmentRequest(partner_id=name))
            yield EnrolmentString(name, made.secret, made.root_digest)


def _enrolment(world: World) -> list[Result]:
    count = world.scale.of(PARTNERS)
    with _enrolling(world):
        strings = list(_strings(world, count))

        def one(string: EnrolmentString) -> None:
            folder = world.folder / "enrolled" / string.partner_id
            enroll(folder, world.enrolment, string.format())

        began = time.perf_counter()
        with ThreadPoolExecutor(_THREADS) as pool:
            for _ in pool.map(one, strings):
                pass
        seconds = time.perf_counter() - began
    note = f"{count:,} partners from one address, {_THREADS} at once, {count / seconds:.0f}/s"
    return [median_of("enroll_1478_s", [seconds * PARTNERS / count], unit="s", note=note)]


FAMILIES = (Family(("enroll_1478_s",), _enrolment),)
"""It restarts the hub twice and leaves its partners there."""
