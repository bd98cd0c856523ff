"""What belongs to the hub itself, made once at start and handed to every call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rongan_share.ledger.hub_keys import HubKeys
    from rongan_share.ledger.side_keys import SideKeys
    from rongan_share.model.hub_key import Target
    from rongan_share.model.partner import HolderKind
    from rongan_share.v1.certificate_service_pb2 import SignedTrustBundle
    from rongan_share.wire.taxonomy import Taxonomy


class TlsState(NamedTuple):
    """How the files of a listener stand.

    Attributes:
        generation: How often they were taken up since this process began.
        error: Why files that were changed are not used; empty if they are.
        error_count: How often changed files could not be used.
        chain_der: The certificates that are shown, the hub's own first, DER.
    """

    generation: int
    error: str = ""
    error_count: int = 0
    chain_der: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFacts:
    """The hub.

    Attributes:
        hub_id: The log's origin.
        version: The software's version.
        started: When it began to serve.
        trust_domain: Authority of every name in its certificates.
        clock_offset_seconds: How far its clock is set off; 0 in service.
        taxonomy: The categories and their rules.
        hub_keys: Its keys over tokens at rest.
        side_keys: Its keys over nonces and digests at rest.
        epoch_key: Reads the key of an epoch by number.
        issuers: Names the authorities whose certificates are taken for a kind of holders, DER.
        sign: Has the signer sign an issuance that is durable, by its id; returns the leaf, DER.
        used_bytes: Tells the size of the ledger's file.
        all_follow: Tells whether every worker has the look-ups of a target at hand.
        tls: Looks at the main listener's files, and says how they stand.
        trust_bundle: Reads by which roots the hub is recognised, signed.
        revocation_lists: Reads what was revoked, DER.
    """

    hub_id: str
    version: str
    started: datetime
    trust_domain: str
    clock_offset_seconds: int
    taxonomy: Taxonomy
    hub_keys: HubKeys
    side_keys: SideKeys
    epoch_key: Callable[[int], bytes]
    issuers: Callable[[HolderKind], tuple[bytes, ...]]
    sign: Callable[[str], bytes]
    used_bytes: Callable[[], int]
    all_follow: Callable[[Target], bool]
    tls: Callable[[], TlsState]
    trust_bundle: Callable[[], SignedTrustBundle]
    revocation_lists: Callable[[], tuple[bytes, ...]]
