"""``rongan-hub epoch rekey``: another hub key, while the hub serves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.cli.progress import progress
from partner_sdk.cli.settings import example
from rongan_share.cli.key_file import destroy_key_file, make_key_file
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.cli.progress_text import progress_text
from rongan_share.ledger.cipher import read_key
from rongan_share.ledger.hub_keys import digest_of_key, hub_key_path, next_key_id, previous_key_id
from rongan_share.model.hub_key import RekeyPhase
from rongan_share.v1 import operator_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rongan_share.cli.connection import Connection

_LOOK_SECONDS = 0.5


@click.group(
    help=say("help.rekey"), epilog=example("rongan-hub --home hub --as alice epoch rekey status")
)
def rekey() -> None:
    """Holds the verbs."""


@rekey.command(
    "start",
    help=say("help.rekey_start"),
    epilog=example("rongan-hub --home hub --as alice epoch rekey start"),
)
@shared_options()
@click.pass_obj
def start(options: Options) -> None:
    """Makes the key, then begins; given again, it goes on with what is there."""
    settings = options.load_settings()
    facts: dict[str, object] = {}
    with options.connect() as hub:
        known = _get(hub)
        # The reply of an earlier try may have been lost: then the change goes on already.
        if _phase(known) is RekeyPhase.NONE:
            number = next_key_id(known.key_id)
            path = hub_key_path(settings.keys.hub_keys, number)
            facts = {"key_file": str(path), "key_made": make_key_file(path)}
            key = read_key(path, data_directory=settings.data_directory)
            request = pb.StartRekeyRequest(key_id=number, key_digest=digest_of_key(key))
            answer = hub.call(lambda stub: stub.StartRekey, request)
            known = answer.rekey
            facts["entry_index"] = answer.entry_index
    shown = [(name, facts[name]) for name in ("key_file", "entry_index") if name in facts]
    options.show(_facts(known) | facts, [*_lines(known), *shown, ("next", _next(known))])


@rekey.command(
    "status",
    help=say("help.rekey_status"),
    epilog=example("rongan-hub --home hub --as alice epoch rekey status --wait"),
)
@click.option("--wait", is_flag=True, help=say("help.rekey_wait"))
@shared_options()
@click.pass_obj
def status(options: Options, *, wait: bool) -> None:
    """Shows the phase and how many values are rewritten."""
    with options.connect() as hub:
        known = _wait(hub) if wait else _get(hub)
    options.show(_facts(known), [*_lines(known), ("next", _next(known))])


@rekey.command(
    "finish",
    help=say("help.rekey_finish"),
    epilog=example("rongan-hub --home hub --as alice epoch rekey finish"),
)
@shared_options()
@click.pass_obj
def finish(options: Options) -> None:
    """Ends the change, and only then destroys the old key."""
    settings = options.load_settings()
    facts: dict[str, object] = {}
    with options.connect() as hub:
        known = _get(hub)
        old = known.old_key_id or previous_key_id(known.key_id)
        path = hub_key_path(settings.keys.hub_keys, old)
        if _phase(known) is RekeyPhase.REWRITTEN:
            request = pb.FinishRekeyRequest(key_id=known.key_id)
            answer = hub.call(lambda stub: stub.FinishRekey, request)
            known = answer.rekey
            facts["entry_index"] = answer.entry_index
        elif _phase(known) is not RekeyPhase.NONE:
            raise RefusedHereError(say("rekey_not_written"))
        elif not path.exists():
            raise RefusedHereError(say("rekey_none"))
    # Also what a finish that was broken off has left.
    destroyed = destroy_key_file(path)
    facts |= {"key_file": str(path), "key_destroyed": destroyed}
    said = say("rekey_destroyed") if destroyed else say("key_gone")
    shown = [pair for pair in facts.items() if pair[0] != "key_destroyed"]
    options.show(_facts(known) | facts, [*_lines(known), *shown, ("", said)])


def _get(hub: Connection) -> pb.Rekey:
    return hub.call(lambda stub: stub.GetRekey, pb.GetRekeyRequest()).rekey


def _wait(hub: Connection) -> pb.Rekey:
    """Waits until nothing more is to be done, and shows how far it is."""
    known = _get(hub)
    with progress(say("rekey_values"), known.value_count) as advance:
        done = 0
        while _phase(known) in (RekeyPhase.BUILDING, RekeyPhase.REWRITING):
            advance(max(0, known.done_count - done))
            done = max(done, known.done_count)
            time.sleep(_LOOK_SECONDS)
            known = _get(hub)
    return known


def _phase(known: pb.Rekey) -> RekeyPhase:
    return RekeyPhase(known.phase)


def _facts(known: pb.Rekey) -> dict[str, object]:
    return {
        "phase": _phase(known).name,
        "key_id": known.key_id,
        "old_key_id": known.old_key_id,
        "done_count": known.done_count,
        "value_count": known.value_count,
    }


def _lines(known: pb.Rekey) -> Iterator[tuple[str, object]]:
    yield "hub_key", known.key_id
    if known.old_key_id:
        yield "old_hub_key", known.old_key_id
    yield "rekey_phase", say(f"rekey_phase_{_phase(known).name.lower()}")
    if _phase(known) is not RekeyPhase.NONE:
        yield "rekey_values", progress_text(known.done_count, known.value_count)


def _next(known: pb.Rekey) -> str:
    if _phase(known) is RekeyPhase.NONE:
        return say("rekey_next_start")
    rewritten = _phase(known) is RekeyPhase.REWRITTEN
    return say("rekey_next_finish" if rewritten else "rekey_next_status")
