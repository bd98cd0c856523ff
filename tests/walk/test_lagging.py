"""A worker whose look-ups of the next epoch are behind when that becomes the current one."""

from __future__ import annotations

from pathlib import Path

from rongan_share.model.hub_key import Target
from rongan_share.v1 import operator_service_pb2 as pb
from tests.support.hub import running_hub
from tests.walk.asking import LISTED, Row, check, contribute, fresh, refused
from tests.walk.rolling import contribute_both, next_of, open_epoch, retoken


def test_what_is_behind_answers_nothing(tmp_path: Path) -> None:
    """Listings whose next tokens a worker has not read do not read as not listed (trust: S9)."""
    with running_hub(tmp_path / "home") as hub:
        source = hub.partner("l-source")
        row = Row(token=fresh(), reference=fresh())
        contribute(source, [row])
        open_epoch(hub, 2)
        followers = hub.hub.walk.followers
        follower = followers.of(Target(2, 1))
        before = follower.snapshot()
        contribute_both(source, [retoken(row)])
        assert hub.alice.operators.PromoteEpoch(pb.PromoteEpochRequest(epoch=2)).promoted
        ask = {"epoch": 2, "at_least_sequence": 0}
        with follower._building:
            # As in a worker that was held up since.
            read, follower._snapshot = follower._snapshot, before
            told = refused(hub, lambda: check(source, next_of(row.token), **ask), by="l-source")
            follower._snapshot = read
        assert told[:2] == ("UNAVAILABLE", "STALE_SNAPSHOT")
        assert check(source, next_of(row.token), **ask).state == LISTED
