"""Approval of every agreement that another operator has proposed: shown whole, then asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click
import msgspec

from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.cli.progress import progress
from partner_sdk.errors import HubRefusalError, UnavailableError
from rongan_share.cli.agreement_words import AgreementWords, format_words, words_of_message
from rongan_share.cli.messages import say
from rongan_share.cli.partner_work import list_partners
from rongan_share.v1 import agreement_pb2
from rongan_share.v1 import operator_service_pb2 as pb
from rongan_share.wire.taxonomy import packaged_taxonomy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rongan_share.cli.connection import Connection
    from rongan_share.cli.options import Options


@dataclass(frozen=True, slots=True)
class Proposal:
    """A version that waits for its approval.

    Attributes:
        partner_id: Whose.
        name: The partner's name.
        version: Which; no other is approved in its place.
        proposer: Who proposed it.
    """

    partner_id: str
    name: str
    version: int
    proposer: str


@dataclass(slots=True)
class Proposals:
    """What waits.

    Attributes:
        by_words: Proposals that say the same, by what they say.
        own: Proposals of the operator who asks, which somebody else must approve.
    """

    by_words: dict[str, list[Proposal]] = field(default_factory=dict)
    own: list[Proposal] = field(default_factory=list)

    @property
    def others(self) -> list[Proposal]:
        """Those that may be approved."""
        return [proposal for group in self.by_words.values() for proposal in group]


def approve_all(options: Options, *, asked_before: bool) -> None:
    """Shows what waits, asks, and approves.

    Args:
        options: Who acts on which hub.
        asked_before: Do not ask.

    Raises:
        click.UsageError: JSON is wanted, where nobody could be asked.
        RefusedHereError: The operator said no; or the hub refused some, the others are approved.
        click.Abort: Nobody answered.
    """
    if options.as_json and not asked_before:
        raise click.UsageError(say("json_needs_yes"))
    with options.connect() as hub:
        proposals = _find(hub, options.operator)
        waiting = proposals.others
        if not options.as_json:
            _print(proposals)
        question = say("approve_question", count=len(waiting))
        if waiting and not asked_before and not click.confirm(question, err=True):
            raise RefusedHereError(say("nothing_approved"))
        refused = _approve(waiting, hub)
    facts = {
        "agreements_approved": len(waiting) - len(refused),
        "agreements_refused": len(refused),
        "own_proposals": len(proposals.own),
    }
    approved = [
        {"partner": each.partner_id, "version": each.version}
        for each in waiting
        if each.partner_id not in refused
    ]
    options.show({**facts, "approved": approved}, facts.items())
    if refused:
        told = "\n".join(f"  {partner_id}: {cause}" for partner_id, cause in refused.items())
        raise RefusedHereError(f"{say('some_refused', count=len(refused))}\n{told}")


def _find(hub: Connection, operator: str) -> Proposals:
    open_ones = [
        each
        for each in list_partners(hub)
        if each.newest_agreement_version > each.agreement_version
    ]
    found = Proposals()
    with progress(say("progress_read"), len(open_ones)) as advance:
        for each in open_ones:
            version = each.newest_agreement_version
            request = pb.GetPartnerAgreementRequest(partner_id=each.partner_id, version=version)
            agreement = hub.call(lambda stub: stub.GetPartnerAgreement, request).agreement
            advance(1)
            if agreement.state != agreement_pb2.AGREEMENT_STATE_PROPOSED:
                continue
            proposal = Proposal(each.partner_id, each.display_name, version, agreement.proposer)
            if agreement.proposer == operator:
                found.own.append(proposal)
            else:
                found.by_words.setdefault(_words(agreement), []).append(proposal)
    return found


def _words(agreement: agreement_pb2.Agreement) -> str:
    """Says what a version says, but for its partner."""
    words: AgreementWords = words_of_message(agreement, packaged_taxonomy())
    return format_words(msgspec.structs.replace(words, partner="...")).partition("\n")[2]


def _print(proposals: Proposals) -> None:
    for words, group in proposals.by_words.items():
        click.echo(f"# {say('proposals_alike', count=len(group))}")
        click.echo(words)
        click.echo()
        for each in group:
            click.echo(
                f"  {each.partner_id}  {each.version}  {say('proposer')} {each.proposer}"
                f"  {each.name}"
            )
        click.echo()


def _approve(waiting: Sequence[Proposal], hub: Connection) -> dict[str, str]:
    """Approves one by one; returns what was refused, and why."""
    refused: dict[str, str] = {}
    with progress(say("progress_approve"), len(waiting)) as advance:
        for each in waiting:
            request = pb.ApproveAgreementRequest(partner_id=each.partner_id, version=each.version)
            try:
                hub.call(lambda stub: stub.ApproveAgreement, request)
            except UnavailableError:
                raise
            except HubRefusalError as error:
                refused[each.partner_id] = str(error)
            advance(1)
    return refused
