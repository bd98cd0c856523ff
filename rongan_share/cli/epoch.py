"""``rongan-hub epoch``: a new epoch is opened, filled by partners, promoted; the old one closed."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, TypeVar

import click

from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.cli.settings import example
from partner_sdk.errors import HubRefusalError
from rongan_share.cli.epoch_key import destroy_key, keys_of, make_key
from rongan_share.cli.epoch_status import facts_of, lines_of, names_of
from rongan_share.cli.messages import say
from rongan_share.cli.options import Options, shared_options
from rongan_share.clock import monotonic_ns
from rongan_share.errors import Reason
from rongan_share.model.epoch import EpochState
from rongan_share.v1 import operator_service_pb2 as pb
from rongan_share.v1 import vocabulary_pb2
from rongan_share.wire.vocabulary import Suite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rongan_share.cli.connection import Connection


AnswerT = TypeVar("AnswerT")

_PATIENCE_NS = 60_000_000_000
"""How long to wait for look-ups of the opening epoch."""


@click.group(
    help=say("help.epoch"), epilog=example("rongan-hub --home hub --as alice epoch status")
)
def epoch() -> None:
    """Holds the verbs."""


@epoch.command(
    "open",
    help=say("help.epoch_open"),
    epilog=example("rongan-hub --home hub --as alice epoch open --suite HMAC_SM3"),
)
@click.option(
    "--suite",
    type=click.Choice([suite.name for suite in Suite]),
    default=None,
    help=say("help.epoch_suite"),
)
@click.option("--yes", is_flag=True, help=say("help.epoch_yes"))
@shared_options()
@click.pass_obj
def open_epoch(options: Options, *, suite: str | None, yes: bool) -> None:
    """Makes the key, then opens the epoch; given again, it goes on with the key that is there."""
    keys = keys_of(options.load_settings())
    with options.connect() as hub:
        known = _list(hub, suite=Suite[suite] if suite else None)
        opening = _find(known, EpochState.OPENING)
        if opening is not None:
            # The reply of an earlier try may have been lost.
            raise RefusedHereError(say("epoch_is_opening", epoch=opening.epoch))
        if known.ungranted and not yes:
            partners = names_of(known.ungranted, whole=options.as_json)
            raise RefusedHereError(say("epoch_ungranted", suite=suite, partners=partners))
        current = _find(known, EpochState.CURRENT)
        number = max(each.epoch for each in known.epochs) + 1
        key, made = make_key(keys, number)
        request = pb.OpenEpochRequest(
            epoch=number,
            suite=_suite_of(suite, current),
            key_digest=hashlib.sha256(key).digest(),
        )
        answer = hub.call(lambda stub: stub.OpenEpoch, request)
    facts = {
        "epoch": answer.epoch.epoch,
        "suite": Suite(answer.epoch.suite).name,
        "state": EpochState(answer.epoch.state).name,
        "key_file": str(keys.path(number)),
        "key_made": made,
        "entry_index": answer.entry_index,
    }
    shown = [pair for pair in facts.items() if pair[0] != "key_made"]
    options.show(facts, [*shown, ("next", say("epoch_opened"))])


@epoch.command(
    "status",
    help=say("help.epoch_status"),
    epilog=example("rongan-hub --home hub --as alice epoch status"),
)
@shared_options()
@click.pass_obj
def status(options: Options) -> None:
    """Shows where every epoch stands, who still has to send what, and what to do next."""
    with options.connect() as hub:
        known = _list(hub)
    options.show(facts_of(known), lines_of(known))


@epoch.command(
    "promote",
    help=say("help.epoch_promote"),
    epilog=example("rongan-hub --home hub --as alice epoch promote"),
)
@click.option(
    "--waive",
    type=click.IntRange(min=1),
    default=None,
    metavar="COUNT",
    help=say("help.epoch_waive"),
)
@shared_options()
@click.pass_obj
def promote(options: Options, *, waive: int | None) -> None:
    """Promotes, if no listing lacks tokens or two operators accept how many do."""
    with options.connect() as hub:
        opening = _find(_list(hub), EpochState.OPENING)
        if opening is None:
            raise RefusedHereError(say("no_epoch_opening"))
        request = pb.PromoteEpochRequest(epoch=opening.epoch, waived_count=waive or 0)
        try:
            # One worker may have them before another has.
            answer = _patiently(lambda: hub.call(lambda stub: stub.PromoteEpoch, request))
        except HubRefusalError as error:
            _explain(options, error)
            raise
    facts = {
        "epoch": answer.epoch.epoch,
        "state": EpochState(answer.epoch.state).name,
        "promoted": answer.promoted,
        "entry_index": answer.entry_index,
    }
    said = say("epoch_promoted") if answer.promoted else say("epoch_waived", count=waive)
    shown = [pair for pair in facts.items() if pair[0] != "promoted"]
    options.show(facts, [*shown, ("next", said)])


@epoch.command(
    "close",
    help=say("help.epoch_close"),
    epilog=example("rongan-hub --home hub --as alice epoch close"),
)
@shared_options()
@click.pass_obj
def close(options: Options) -> None:
    """Closes the closing epoch, and only then destroys its key."""
    keys = keys_of(options.load_settings())
    facts: dict[str, object] = {}
    with options.connect() as hub:
        known = _list(hub)
        closing = _find(known, EpochState.CLOSING)
        if closing is not None:
            answer = hub.call(
                lambda stub: stub.CloseEpoch, pb.CloseEpochRequest(epoch=closing.epoch)
            )
            facts["entry_index"] = answer.entry_index
            number = closing.epoch
        else:
            # One that was closed and whose key this command was kept from destroying.
            left = [number for number in _closed(known) if keys.path(number).exists()]
            if not left:
                raise RefusedHereError(say("no_epoch_closing"))
            number = left[0]
    destroyed = destroy_key(keys, number)
    facts |= {
        "epoch": number,
        "state": EpochState.CLOSED.name,
        "key_file": str(keys.path(number)),
        "key_destroyed": destroyed,
    }
    said = say("key_destroyed") if destroyed else say("key_gone")
    shown = [pair for pair in facts.items() if pair[0] != "key_destroyed"]
    options.show(facts, [*shown, ("", said)])


def _list(hub: Connection, *, suite: Suite | None = None) -> pb.ListEpochsResponse:
    """Asks where epochs stand, and whom a suite would stop."""
    request = pb.ListEpochsRequest()
    if suite is not None:
        request.suite = vocabulary_pb2.Suite.ValueType(suite)
    return _patiently(lambda: hub.call(lambda stub: stub.ListEpochs, request))


def _patiently(call: Callable[[], AnswerT]) -> AnswerT:
    """Calls, waiting for look-ups of an opening epoch that are being made."""
    end_ns = monotonic_ns() + _PATIENCE_NS
    told = False
    while True:
        try:
            return call()
        except HubRefusalError as error:
            if error.reason is not Reason.STALE_SNAPSHOT or monotonic_ns() > end_ns:
                raise
            if not told:
                click.echo(say("epoch_look_ups"), err=True)
            told = True
            time.sleep(error.retry_seconds or 1.0)


def _find(known: pb.ListEpochsResponse, state: EpochState) -> pb.Epoch | None:
    return next((each for each in known.epochs if int(each.state) == state), None)


def _closed(known: pb.ListEpochsResponse) -> Iterator[int]:
    return (each.epoch for each in known.epochs if int(each.state) == EpochState.CLOSED)


def _suite_of(name: str | None, current: pb.Epoch | None) -> vocabulary_pb2.Suite.ValueType:
    """Takes the suite that is asked for, else the one in use."""
    if name is None and current is not None:
        return current.suite
    return vocabulary_pb2.Suite.ValueType(Suite[name or Suite.HMAC_SHA256.name])


def _explain(options: Options, error: HubRefusalError) -> None:
    """Says beside a refusal how many listings lack tokens, and what can be done about them."""
    if options.as_json or error.reason is not Reason.LISTINGS_LACK_TOKENS:
        return
    click.echo(say("epoch_lacks", count=error.metadata.get("count", "")), err=True)
