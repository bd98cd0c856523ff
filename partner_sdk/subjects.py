"""One question about one subject: from identifiers to tokens, the call, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING

from partner_sdk.clock import shanghai_today
from partner_sdk.columns import Frame
from partner_sdk.errors import FailedPreconditionError
from partner_sdk.questions import Question, fill_question, id_in_epoch
from partner_sdk.verdicts import Verdict, read_verdict
from rongan_share.v1.verdict_service_pb2 import CheckSubjectRequest
from rongan_share.wire.frames import MAX_SUBJECT_TOKENS, TOKEN_BYTES
from rongan_share.wire.identifiers import Canonical, aliases_of, parse_identifier
from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.reasons import Reason
from rongan_share.wire.vocabulary import IdentifierType, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from partner_sdk.agreements import TokenEpoch
    from partner_sdk.calls import Connections
    from partner_sdk.columns import FrameMaker
    from partner_sdk.epochs import EpochCache, TaxonomyCache
    from rongan_share.wire.tokens import Tokenizer

_PRECEDENCE = (State.LISTED, State.INDETERMINATE, State.NOT_LISTED, State.NOT_ENTITLED)
"""Which state an identifier has when its token and its aliases differ, as the hub folds one."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked about: canonical forms still to be made tokens, or tokens.

    Attributes:
        canonicals: Identifiers first, then their aliases; empty when tokens are given.
        owners: For each token the place of the identifier that it stands for.
        types: One IdentifierType byte per token, or empty.
        tokens: Ready-made tokens, joined; empty when there are canonical forms.
    """

    canonicals: tuple[Canonical, ...]
    owners: tuple[int, ...]
    types: bytes
    tokens: bytes = field(default=b"", repr=False)

    @classmethod
    def of_tokens(cls, tokens: Sequence[bytes], types: Sequence[IdentifierType]) -> Subject:
        """Takes tokens that the caller has made.

        Raises:
            MalformedError: A token is not 16 bytes long; joined they would mean others.
        """
        for index, token in enumerate(tokens):
            if len(token) != TOKEN_BYTES:
                raise MalformedError("tokens", f"needs {TOKEN_BYTES} bytes each", index)
        return cls((), tuple(range(len(tokens))), bytes(types), b"".join(tokens))

    def tokens_under(self, epoch: TokenEpoch) -> bytes:
        """Gives the tokens, joined."""
        return self.tokens or epoch.tokenizer.tokens([c.text for c in self.canonicals])


def subject_of(
    identifiers: Iterable[tuple[IdentifierType, str] | Canonical], *, today: date | None = None
) -> Subject:
    """Reads the identifiers of one subject and adds their aliases.

    Args:
        identifiers: Type and text each, or canonical forms.
        today: Day against which births are future; None = today in Asia/Shanghai.

    Raises:
        MalformedError: One is malformed, there is none, or with aliases there are more than 16
            tokens.
    """
    given = []
    for entry in identifiers:
        if isinstance(entry, Canonical):
            given.append(entry)
        else:
            today = today or shanghai_today()
            given.append(parse_identifier(*entry, today=today))
    canonicals, owners = list(given), list(range(len(given)))
    for owner, canonical in enumerate(given):
        for alias in aliases_of(canonical):
            canonicals.append(alias)
            owners.append(owner)
    if not 1 <= len(canonicals) <= MAX_SUBJECT_TOKENS:
        raise MalformedError("identifiers", f"1 to {MAX_SUBJECT_TOKENS} with their aliases")
    types = bytes([canonical.type for canonical in canonicals])
    return Subject(tuple(canonicals), tuple(owners), types)


def frame_of_subjects(
    subjects: Iterable[Iterable[tuple[IdentifierType, str] | Canonical]],
    *,
    business_refs: bytes = b"",
    today: date | None = None,
) -> FrameMaker:
    """Reads the identifiers of many subjects, to be asked about in one frame.

    Args:
        subjects: The identifiers of each, as for `Client.check`; their aliases are asked along.
        business_refs: 16 bytes per subject, or empty.
        today: Day against which births are future; None = today in Asia/Shanghai.

    Returns:
        What `Client.stream_verdicts` makes the frame with, in whichever epoch is current.

    Raises:
        MalformedError: An identifier is malformed, or a subject has none or more than 16 tokens.
    """
    read = [subject_of(identifiers, today=today) for identifiers in subjects]
    ends = tuple(accumulate(len(subject.owners) for subject in read))
    types = b"".join(subject.types for subject in read)
    texts = [canonical.text for subject in read for canonical in subject.canonicals]

    def make(tokenizer: Tokenizer) -> Frame:
        return Frame(
            tokens=tokenizer.tokens(texts),
            types=types,
            business_refs=business_refs,
            # A frame of single tokens is shorter, and its answer too.
            subject_end=ends if len(texts) > len(read) else (),
        )

    return make


def ask_subject(
    connections: Connections,
    caches: tuple[EpochCache, TaxonomyCache],
    subject: Subject,
    *,
    question: Question,
    request_id: bytes,
    timeout_seconds: float,
    business_ref: bytes = b"",
) -> Verdict:
    """Asks, and asks once more in the new epoch if the hub says that ours is not in use.

    There it has another id, which the verdict names: if the first try was answered and its answer
    lost, the same id with other tokens would be refused.

    Raises:
        HubRefusalError: The hub refused, or could not be reached.
    """
    epochs, taxonomies = caches
    taxonomy = taxonomies.current()

    def ask(epoch: TokenEpoch, identity: bytes) -> Verdict:
        request = CheckSubjectRequest(
            request_id=identity,
            tokens=subject.tokens_under(epoch),
            types=subject.types,
            business_ref=business_ref,
        )
        fill_question(request, question, taxonomy=taxonomy, epoch=epoch)
        reply = connections.call(
            lambda stubs: stubs.verdict.CheckSubject, request, timeout_seconds=timeout_seconds
        )
        verdict = read_verdict(
            reply,
            taxonomies.of_version(reply.taxonomy_version),
            token_count=len(subject.owners),
            request_id=identity,
        )
        return _by_identifier(verdict, subject.owners)

    epoch = epochs.current()
    try:
        return ask(epoch, request_id)
    except FailedPreconditionError as error:
        if error.reason is not Reason.EPOCH_NOT_OPEN:
            raise
        epochs.forget(epoch)
        if subject.tokens:
            raise
    epoch = epochs.current()
    return ask(epoch, id_in_epoch(request_id, epoch.number))


def _by_identifier(verdict: Verdict, owners: tuple[int, ...]) -> Verdict:
    """Folds the states of aliases into those of the identifiers that were asked about."""
    states: list[State] = []
    for owner in range(max(owners) + 1 if owners else 0):
        own = {state for state, o in zip(verdict.token_states, owners, strict=True) if o == owner}
        states.append(next(state for state in _PRECEDENCE if state in own))
    listings = tuple(
        replace(listing, token_index=owners[listing.token_index]) for listing in verdict.listings
    )
    return replace(verdict, token_states=tuple(states), listings=listings)
