from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from rongan_share.ca import (
    Holder,
    Issuer,
    IssueRefusedError,
    ProfileName,
    Rule,
    generate_private_key,
    issue_intermediate,
    issue_leaf,
    issue_root,
    lint_certificate,
    load_profile,
)

NOW = datetime(2026, 3, 1, 8, 30, 15, 250_000, tzinfo=UTC)

DOMAIN = Holder("bank.test")
PARTNER = Holder("bank.test", "bank-a")


@dataclass(frozen=True)
class Authorities:
    """A root and the two authorities below it."""

    root: Issuer
    client: Issuer
    hub: Issuer


@pytest.fixture(scope="module")
def authorities() -> Authorities:
    """Authorities made at NOW."""
    profile = load_profile(ProfileName.ROOT)
    root = issue_root(generate_private_key(profile), holder=DOMAIN, profile=profile, now=NOW)
    return Authorities(
        root,
        intermediate(root, ProfileName.CLIENT_INTERMEDIATE),
        intermediate(root, ProfileName.HUB_INTERMEDIATE),
    )


def intermediate(issuer: Issuer, name: ProfileName) -> Issuer:
    """An authority below the issuer."""
    profile = load_profile(name)
    key = generate_private_key(profile)
    return issue_intermediate(issuer, key, holder=DOMAIN, profile=profile, now=NOW)


def partner(issuer: Issuer, *, now: datetime = NOW) -> x509.Certificate:
    """A partner certificate for a new key."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    profile = load_profile(ProfileName.PARTNER)
    return issue_leaf(issuer, key, holder=PARTNER, profile=profile, now=now)


def test_validity_begins_an_hour_ago(authorities: Authorities) -> None:
    """A certificate begins an hour before now and lasts exactly its lifetime, both ends counted."""
    leaf = partner(authorities.client)
    assert leaf.not_valid_before_utc == datetime(2026, 3, 1, 7, 30, 15, tzinfo=UTC)
    last = datetime(2026, 3, 1, 7, 30, 14, tzinfo=UTC) + timedelta(days=90)
    assert leaf.not_valid_after_utc == last


def test_names_of_a_partner(authorities: Authorities) -> None:
    """A partner certificate carries exactly one URI name."""
    names = partner(authorities.client).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    uri = x509.UniformResourceIdentifier("spiffe://bank.test/partner/bank-a")
    assert list(names.value) == [uri]


def test_serial_comes_from_the_given_source(authorities: Authorities) -> None:
    """The serial number is 159 bits of the injected source."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    profile = load_profile(ProfileName.PARTNER)
    leaf = issue_leaf(
        authorities.client,
        key,
        holder=PARTNER,
        profile=profile,
        now=NOW,
        random_bits=random.Random(7).getrandbits,
    )
    assert leaf.serial_number == random.Random(7).getrandbits(159)


@pytest.mark.parametrize("serial", [0, 1 << 159])
def test_a_bad_serial_is_refused(authorities: Authorities, serial: int) -> None:
    """A source that gives zero or too many bits makes no certificate."""
    profile = load_profile(ProfileName.PARTNER)
    with pytest.raises(IssueRefusedError) as refusal:
        issue_leaf(
            authorities.client,
            ec.generate_private_key(ec.SECP256R1()).public_key(),
            holder=PARTNER,
            profile=profile,
            now=NOW,
            random_bits=lambda _bits: serial,
        )
    assert refusal.value.rule is Rule.LINT_SERIAL


def test_the_hash_follows_the_issuer(authorities: Authorities) -> None:
    """P-384 signs with SHA-384 and P-256 with SHA-256."""
    assert isinstance(authorities.client.certificate.signature_hash_algorithm, hashes.SHA384)
    assert isinstance(partner(authorities.client).signature_hash_algorithm, hashes.SHA256)


def test_a_key_off_the_profile_is_stopped_by_the_linter(authorities: Authorities) -> None:
    """A key that came past the request check is still refused before the real key signs."""
    key = rsa.generate_private_key(65_537, 1_024).public_key()
    profile = load_profile(ProfileName.PARTNER)
    with pytest.raises(IssueRefusedError) as refusal:
        issue_leaf(authorities.client, key, holder=PARTNER, profile=profile, now=NOW)
    assert refusal.value.rule is Rule.RSA_SIZE


@pytest.mark.parametrize("authority", ["root", "hub"])
def test_only_the_client_authority_signs_partners(authorities: Authorities, authority: str) -> None:
    """Neither the root nor the hub authority signs a client."""
    with pytest.raises(IssueRefusedError) as refusal:
        partner(getattr(authorities, authority))
    assert refusal.value.rule is Rule.ISSUER_AUTHORITY


def test_only_the_root_signs_authorities(authorities: Authorities) -> None:
    """An intermediate signs no further authority."""
    with pytest.raises(IssueRefusedError) as refusal:
        intermediate(authorities.client, ProfileName.CLIENT_INTERMEDIATE)
    assert refusal.value.rule is Rule.ISSUER_AUTHORITY


def test_a_leaf_signs_nothing(authorities: Authorities) -> None:
    """A partner's certificate is no issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    profile = load_profile(ProfileName.PARTNER)
    leaf = issue_leaf(
        authorities.client, key.public_key(), holder=PARTNER, profile=profile, now=NOW
    )
    with pytest.raises(IssueRefusedError) as refusal:
        partner(Issuer(leaf, key), now=NOW - timedelta(days=90))
    assert refusal.value.rule is Rule.ISSUER_LIFETIME
    short = profile.__class__(
        name=profile.name,
        common_name=profile.common_name,
        lifetime_days=1,
        key=profile.key,
        basic_constraints=profile.basic_constraints,
        usage=profile.usage,
        names=profile.names,
    )
    with pytest.raises(IssueRefusedError) as refusal:
        issue_leaf(Issuer(leaf, key), key.public_key(), holder=PARTNER, profile=short, now=NOW)
    assert refusal.value.rule is Rule.ISSUER_AUTHORITY


def test_an_issuer_without_constraints_signs_nothing() -> None:
    """A certificate that does not say what it is for is no issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    bare = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=400))
        .sign(key, hashes.SHA256())
    )
    with pytest.raises(IssueRefusedError) as refusal:
        partner(Issuer(bare, key))
    assert refusal.value.rule is Rule.ISSUER_AUTHORITY


@pytest.mark.parametrize("days", [-2, 5 * 365 - 80])
def test_a_leaf_lives_within_its_issuer(authorities: Authorities, days: int) -> None:
    """No certificate begins before its issuer or outlives it."""
    with pytest.raises(IssueRefusedError) as refusal:
        partner(authorities.client, now=NOW + timedelta(days=days))
    assert refusal.value.rule is Rule.ISSUER_LIFETIME


def test_an_instant_needs_a_time_zone(authorities: Authorities) -> None:
    """A naive instant is refused, because nobody knows when it is."""
    with pytest.raises(IssueRefusedError) as refusal:
        partner(authorities.client, now=NOW.replace(tzinfo=None))
    assert refusal.value.rule is Rule.CLOCK


def test_an_instant_elsewhere_is_the_same_instant(authorities: Authorities) -> None:
    """An instant given in another time zone is written in UTC."""
    shanghai = NOW.astimezone(tz=datetime.fromisoformat("2026-03-01T00:00:00+08:00").tzinfo)
    leaf = partner(authorities.client, now=shanghai)
    assert leaf.not_valid_before_utc == datetime(2026, 3, 1, 7, 30, 15, tzinfo=UTC)


def test_an_issuer_has_its_own_key(authorities: Authorities) -> None:
    """A key of another authority is refused, and no key shows in a repr."""
    with pytest.raises(IssueRefusedError) as refusal:
        Issuer(authorities.client.certificate, authorities.hub.private_key)
    assert refusal.value.rule is Rule.ISSUER_KEY
    assert "rivate" not in repr(authorities.client)


def test_what_is_issued_passes_the_linter(authorities: Authorities) -> None:
    """Every certificate is what its profile says, and is not what another profile says."""
    lint_certificate(authorities.root.certificate, load_profile(ProfileName.ROOT))
    lint_certificate(authorities.hub.certificate, load_profile(ProfileName.HUB_INTERMEDIATE))
    leaf = partner(authorities.client)
    lint_certificate(leaf, load_profile(ProfileName.PARTNER))
    with pytest.raises(IssueRefusedError) as refusal:
        lint_certificate(leaf, load_profile(ProfileName.OPERATOR))
    assert refusal.value.rule is Rule.LINT_NAMES
