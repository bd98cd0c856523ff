"""The hub's configuration: one TOML file, read once into a frozen object."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import tomllib

from rongan_share.errors import StartRefusedError

Part = TypeVar("Part", "KeySettings", "TlsSettings", "SignerSettings")

FILE_NAME = "hub.toml"
"""Name of the configuration in a hub's home."""

MOST_WORKERS = 64
"""Most processes that may listen: each holds threads, readers' slots and memory of its own."""


class ListenSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the hub listens.

    Attributes:
        address: Host and port of the main listener; port 0 takes a free one.
        max_streams: Streams that get a thread at once in one worker, over all partners; more of
            them queue.
        workers: Processes that listen there.
        calls_per_caller: Unary calls that one caller may have under way at once in one worker.
        streams_per_caller: Streams that one caller may have open at once in one worker.
        bytes_per_caller: Bytes of frames, received and not yet answered, that one caller may have
            in one worker over all its streams; the worker needs about five times as many for them.
        enrolment: Host and port of the enrolment listener; empty for none.
        enrolments_per_second: Enrolments that one worker takes up a second, over all addresses.
        enrolment_burst: How many of them at once.
        enrolments_per_address: Enrolments that one worker takes up a second from one address.
        enrolment_burst_per_address: How many of them at once.
    """

    address: str
    max_streams: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 2_000
    workers: Annotated[int, msgspec.Meta(ge=1, le=MOST_WORKERS)] = 1
    calls_per_caller: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 64
    streams_per_caller: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 64
    bytes_per_caller: Annotated[int, msgspec.Meta(ge=1)] = 16 << 20
    enrolment: str = ""
    enrolments_per_second: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 60
    enrolment_burst: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 200
    enrolments_per_address: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 30
    enrolment_burst_per_address: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 60


class KeySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keys, all outside the data directory.

    Attributes:
        hub_keys: Directory with `hub-N.key`, the key over tokens at rest; which one is used, the
            ledger says.
        epoch_keys: Directory with one `epoch-N.key` an epoch.
    """

    hub_keys: Path
    epoch_keys: Path


class TlsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Certificates of the main listener.

    Attributes:
        certificate_chain: The hub's leaf and its intermediate, PEM.
        private_key: The leaf's key, PEM.
        client_roots: What client certificates must chain to, PEM.
        client_intermediate: The intermediate that signs client certificates, PEM.
        client_intermediate_key: Its key, PEM; only the signer reads it.
        hub_roots: What partners recognise the hub by, PEM; shown to those who enrol.
        trust_bundle: The same, signed.
    """

    certificate_chain: Path
    private_key: Path
    client_roots: Path
    client_intermediate: Path
    client_intermediate_key: Path
    hub_roots: Path = Path("pki/hub-roots.pem")
    trust_bundle: Path = Path("pki/trust-bundle.pb")


class SignerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The process that alone holds the issuing keys.

    Attributes:
        socket: Unix socket that it answers on.
        external: Whether `rongan-hub signer` runs it, under a user of its own; else the hub does.
        allowed_uids: Users who may ask it, beside its own.
        hub_intermediate: The intermediate that signs hubs' certificates, PEM.
        hub_intermediate_key: Its key, PEM; only the signer reads it.
        revocation_list: Where the keeper puts the list of revoked client certificates, PEM.
    """

    socket: Path = Path("run/signer.sock")
    external: bool = False
    allowed_uids: tuple[Annotated[int, msgspec.Meta(ge=0)], ...] = ()
    hub_intermediate: Path = Path("pki/hub-ca.crt.pem")
    hub_intermediate_key: Path = Path("pki/hub-ca.key.pem")
    revocation_list: Path = Path("pki/client-ca.crl.pem")


class ClockSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hub's clock.

    Attributes:
        offset_seconds: Sets the clock off for a rehearsal; noted in the audit log at every start.
    """

    offset_seconds: int = 0


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long is kept what has ended.

    Attributes:
        ended_days: Days for which the journal keeps a listing after its withdrawal, and a change
            after the next one. Provision of personal data to others is kept three years at least
            (PIPL 20-21, Network Data Security Regulations 12), so this is the least in service.
        expired_days: Days after its last day for which an expired listing may be renewed; then the
            hub withdraws it.
    """

    ended_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] = 3 * 366
    expired_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] = 366


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a hub is told.

    Attributes:
        trust_domain: Authority of every name in its certificates, lower case.
        data_directory: The ledger's directory.
        listen: Where it listens.
        keys: Its keys.
        tls: Its certificates.
        signer: What signs certificates.
        clock: Its clock.
        retention: How long it keeps what has ended.
    """

    trust_domain: str
    data_directory: Path
    listen: ListenSettings
    keys: KeySettings
    tls: TlsSettings
    signer: SignerSettings = msgspec.field(default_factory=SignerSettings)
    clock: ClockSettings = msgspec.field(default_factory=ClockSettings)
    retention: RetentionSettings = msgspec.field(default_factory=RetentionSettings)


def load_settings(home: Path) -> Settings:
    """Reads `hub.toml` of a hub's home; paths in it are relative to the home.

    Raises:
        StartRefusedError: The file is missing or says something it may not; the text names where.
    """
    path = home / FILE_NAME
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        settings = msgspec.convert(document, Settings, dec_hook=_decode_path)
    except FileNotFoundError:
        msg = f"{path} does not exist; make a hub with rongan-hub init"
        raise StartRefusedError(msg) from None
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        msg = f"{path}: {error}"
        raise StartRefusedError(msg) from error
    return msgspec.structs.replace(
        settings,
        data_directory=home / settings.data_directory,
        keys=_rooted(home, settings.keys),
        tls=_rooted(home, settings.tls),
        signer=_rooted(home, settings.signer),
    )


def _decode_path(kind: type, value: object) -> Path:
    """Reads a path; nothing else in the configuration needs help."""
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    raise ValueError("expected a path")


def _rooted(home: Path, part: Part) -> Part:
    paths = {
        name: home / value
        for name, value in msgspec.structs.asdict(part).items()
        if isinstance(value, Path)
    }
    return msgspec.structs.replace(part, **paths)
