"""What each kind of certificate may contain, read from ``certs/profiles/*.toml``.

A profile is policy that people sign off, so it stands in a file of its own and not in code. The
issuer builds from it and the linter judges by it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum, unique
from pathlib import Path
from typing import Annotated, Literal

import msgspec

BACKDATE = timedelta(hours=1)
"""How long before now a certificate begins, so that a partner whose clock is behind accepts it."""

KeyUsage = Literal["digital_signature", "key_cert_sign", "crl_sign"]
"""A key usage bit, named as in ``cryptography.x509.KeyUsage``."""

ExtendedUsage = Literal["clientAuth", "serverAuth"]
"""An extended key usage, named as in RFC 5280 section 4.2.1.12."""


@unique
class KeyKind(StrEnum):
    """A kind of key that every TLS stack of the hub and its partners can use."""

    P256 = "P-256"
    P384 = "P-384"
    RSA = "RSA"


@unique
class ProfileName(StrEnum):
    """The profiles there are."""

    ROOT = "root"
    CLIENT_INTERMEDIATE = "client_intermediate"
    HUB_INTERMEDIATE = "hub_intermediate"
    HUB = "hub"
    PARTNER = "partner"
    OPERATOR = "operator"


class ProfileError(ValueError):
    """A profile file is missing or does not have the form of a profile."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of a profile file; an unknown key is an error, because it would be policy ignored."""


class KeyRules(_Table, frozen=True):
    """Which keys a certificate of this kind may hold.

    Attributes:
        made_here: The kind made when the key is made by us; never RSA.
        accepted: The kinds taken from a request.
    """

    made_here: Literal["P-256", "P-384"]
    accepted: frozenset[KeyKind]


class BasicConstraints(_Table, frozen=True):
    """Whether the certificate may sign others.

    Attributes:
        authority: True for an authority.
        path_length: Levels of authorities below it; absent for a leaf.
    """

    authority: bool
    path_length: Annotated[int, msgspec.Meta(ge=0, le=1)] | None = None


class Usage(_Table, frozen=True):
    """What the key may be used for.

    Attributes:
        key: Key usage bits, all others are off.
        extended: Extended key usages; empty leaves the extension out.
    """

    key: frozenset[KeyUsage]
    extended: frozenset[ExtendedUsage]


class NameRules(_Table, frozen=True):
    """Which subject alternative names the certificate carries.

    Attributes:
        uri: Pattern of the single URI name with ``{trust_domain}`` and ``{name}``, or None.
        hosts: True when it carries DNS names and IP addresses instead.
    """

    hosts: bool
    uri: str | None = None


class Profile(_Table, frozen=True):
    """Policy of one kind of certificate.

    Attributes:
        name: The profile's name, equal to the file's.
        common_name: Pattern of the common name with ``{name}``; for people, never for decisions.
        lifetime_days: Length of the validity, backdating included.
    """

    name: ProfileName
    common_name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    lifetime_days: Annotated[int, msgspec.Meta(ge=1, le=3650)]
    key: KeyRules
    basic_constraints: BasicConstraints
    usage: Usage
    names: NameRules

    def __post_init__(self) -> None:
        """Refuses a profile whose parts contradict each other."""
        constraints, names = self.basic_constraints, self.names
        if constraints.authority != (constraints.path_length is not None):
            message = "an authority has a path length and a leaf has none"
            raise ValueError(message)
        if constraints.authority != ("key_cert_sign" in self.usage.key):
            message = "an authority has key_cert_sign and a leaf has not"
            raise ValueError(message)
        kinds_of_name = (names.uri is not None) + names.hosts
        if kinds_of_name != (0 if constraints.authority else 1):
            message = "a leaf has either a uri or hosts, an authority neither"
            raise ValueError(message)

    @property
    def lifetime(self) -> timedelta:
        """Length of the validity."""
        return timedelta(days=self.lifetime_days)

    def validity(self, now: datetime) -> tuple[datetime, datetime]:
        """First and last second of a certificate issued now."""
        first = now.replace(microsecond=0) - BACKDATE
        return first, first + self.lifetime - timedelta(seconds=1)


def parse_profile(text: str) -> Profile:
    """Reads a profile from the text of its file.

    Raises:
        ProfileError: The text is not TOML, or a key is unknown, missing or out of range.
    """
    try:
        return msgspec.toml.decode(text, type=Profile)
    except msgspec.MsgspecError as error:
        message = f"not a certificate profile: {error}"
        raise ProfileError(message) from error


def profiles_directory() -> Path:
    """Finds the profiles: beside this module in an installed package, else in the source tree."""
    here = Path(__file__).resolve().parent
    packaged = here / "profiles"
    return packaged if packaged.is_dir() else here.parents[1] / "certs" / "profiles"


def load_profile(name: ProfileName | str) -> Profile:
    """Reads one profile by its name.

    Raises:
        ProfileError: No such profile, its file cannot be read, or it is malformed.
    """
    try:
        known = ProfileName(name)
        text = (profiles_directory() / f"{known}.toml").read_text(encoding="utf-8")
    except (ValueError, OSError) as error:
        message = f"no certificate profile can be read under this name: {name!r:.80}"
        raise ProfileError(message) from error
    profile = parse_profile(text)
    if profile.name is not known:
        message = f"the profile file of {known} names itself {profile.name}"
        raise ProfileError(message)
    return profile
