"""``rongan check``: the verdict on one subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from partner_sdk.cli.messages import say
from partner_sdk.cli.questions import question_options, quota_facts, quota_line
from partner_sdk.cli.settings import Settings, example, json_option
from partner_sdk.clock import shanghai_today
from partner_sdk.sources.hints import better_rule
from partner_sdk.sources.rows import parse_type
from rongan_share.wire.identifiers import Canonical, parse_identifier
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.vocabulary import Channel, DetailLevel, Purpose, SummaryFlag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from partner_sdk.verdicts import Coverage, Listing, Summary, Verdict
    from rongan_share.wire.taxonomy import Taxonomy


@click.command(
    help=say("help.check"),
    epilog=example(
        "rongan check DOMAIN example.com --purpose ANTI_FRAUD --channel MOBILE --categories G2"
    ),
)
@click.argument("pairs", nargs=-1, required=True, metavar="TYPE VALUE [TYPE VALUE]...")
@question_options()
@json_option
@click.pass_obj
def check(
    settings: Settings,
    pairs: tuple[str, ...],
    *,
    purpose: str,
    channel: str,
    categories: tuple[str, ...],
    detail: str,
) -> None:
    """Asks and prints the verdict."""
    identifiers = _read_pairs(pairs)
    with settings.connect() as client:
        verdict = client.check(
            identifiers,
            purpose=Purpose[purpose],
            channel=Channel[channel],
            categories=categories,
            detail=DetailLevel[detail],
        )
        taxonomy = client.taxonomy()
    lines = list(_lines(verdict, identifiers, taxonomy))
    settings.show(_verdict_facts(verdict, identifiers), lines)


def _read_pairs(pairs: tuple[str, ...]) -> list[Canonical]:
    if len(pairs) % 2:
        raise click.UsageError(say("bad_pairs"))
    today = shanghai_today()
    try:
        return [
            parse_identifier(parse_type(name), value, today=today)
            for name, value in zip(pairs[::2], pairs[1::2], strict=True)
        ]
    except MalformedError as error:
        raise click.UsageError(_said_better(str(error), pairs)) from None


def _said_better(rule: str, pairs: tuple[str, ...]) -> str:
    for name, value in zip(pairs[::2], pairs[1::2], strict=True):
        rule = better_rule(rule, type_name=name, value=value)
    return rule


def _lines(
    verdict: Verdict, identifiers: list[Canonical], taxonomy: Taxonomy
) -> Iterator[tuple[str, object]]:
    yield "state", say(f"State.{verdict.state.name}")
    for canonical, state in zip(identifiers, verdict.token_states, strict=True):
        yield "identifier", f"{canonical.type.name} {state.name}"
        if canonical.remarks:
            yield "suspect", "; ".join(canonical.remarks)
    if verdict.matched_count and len(identifiers) > 1:
        yield "matched", verdict.matched_count
    if verdict.summary is not None:
        yield from _summary_lines(verdict.summary, taxonomy)
    yield "coverage", " ".join(verdict.coverage.categories) or "-"
    if verdict.not_granted.categories or verdict.not_granted.source_classes:
        names = [source.name for source in verdict.not_granted.source_classes]
        yield "not_granted", " ".join([*verdict.not_granted.categories, *names])
    yield "quota", quota_line(verdict.quota_left)
    yield "sequence", verdict.list_sequence
    yield "entry", verdict.entry_index


def _summary_lines(summary: Summary, taxonomy: Taxonomy) -> Iterator[tuple[str, object]]:
    yield "severity", summary.severity
    for code in summary.categories:
        category = taxonomy.find_code(code)
        yield "categories", f"{code} {category.name_zh} {category.name_en}" if category else code
    if summary.confidence:
        names = " ".join(source.name for source in summary.source_classes)
        yield "confidence", summary.confidence
        yield "sources", f"{summary.source_count} {names}"
    yield "expiry", summary.expiry_date or say("no_end")
    if summary.flags:
        yield "flags", " ".join(flag_names(summary.flags))


def flag_names(flags: SummaryFlag) -> list[str]:
    """Names the flags that are set."""
    return [flag.name for flag in SummaryFlag if flag & flags and flag.name]


def _verdict_facts(verdict: Verdict, identifiers: list[Canonical]) -> dict[str, object]:
    return {
        "state": verdict.state.name,
        "identifiers": [
            {
                "type": canonical.type.name,
                "grade": canonical.grade.name,
                "remarks": list(canonical.remarks),
                "state": state.name,
            }
            for canonical, state in zip(identifiers, verdict.token_states, strict=True)
        ],
        "summary": _summary_facts(verdict.summary) if verdict.summary else None,
        "matched_count": verdict.matched_count,
        "listings": [_listing_facts(listing) for listing in verdict.listings],
        "coverage": _coverage_facts(verdict.coverage),
        "not_granted": _coverage_facts(verdict.not_granted),
        "agreement_version": verdict.agreement_version,
        "taxonomy_version": verdict.taxonomy_version,
        "epoch": verdict.epoch,
        "list_sequence": verdict.list_sequence,
        "quota_left": quota_facts(verdict.quota_left),
        "entry_index": verdict.entry_index,
        "nonce": verdict.nonce.hex(),
        "request_id": verdict.request_id.hex(),
    }


def _coverage_facts(coverage: Coverage) -> dict[str, object]:
    return {
        "categories": list(coverage.categories),
        "source_classes": [source.name for source in coverage.source_classes],
    }


def _summary_facts(summary: Summary) -> dict[str, object]:
    return {
        "severity": summary.severity,
        "categories": list(summary.categories),
        "source_classes": [source.name for source in summary.source_classes],
        "confidence": summary.confidence,
        "source_count": summary.source_count,
        "expiry_date": summary.expiry_date.isoformat() if summary.expiry_date else None,
        "flags": flag_names(summary.flags),
    }


def _listing_facts(listing: Listing) -> dict[str, object]:
    return {
        "listing_id": listing.listing_id,
        "identifier": listing.token_index,
        "severity": listing.severity,
        "category": listing.category,
        "source_class": listing.source_class.name if listing.source_class else None,
        "evidence": listing.evidence.name if listing.evidence else None,
        "confidence": listing.confidence,
        "event_date": listing.event_date.isoformat() if listing.event_date else None,
        "expiry_date": listing.expiry_date.isoformat() if listing.expiry_date else None,
        "flags": flag_names(listing.flags),
    }
