"""Judges a certificate by its profile, reading only the certificate.

It shares no code with the part that builds certificates, so that a slip there is met here.
"""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID, ObjectIdentifier

from rongan_share.model.holders import uri_matches
from rongan_share.model.profiles import Profile
from rongan_share.model.public_keys import check_public_key
from rongan_share.model.refusals import IssueRefusedError, Rule
from rongan_share.model.requests import STRONG_HASHES

SERIAL_BITS_MAX = 159
"""Bits of a serial number: 20 bytes with the sign bit clear. Source: RFC 5280 section 4.1.2.2."""

_EXTENDED_NAMES = {
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
}

_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)


def lint_certificate(certificate: x509.Certificate, profile: Profile) -> None:
    """Returns quietly when the certificate is what the profile allows.

    Raises:
        IssueRefusedError: With the first rule that it breaks.

    Source: RFC 5280 section 4.
    """
    _lint_body(certificate, profile)
    _lint_extensions(certificate, profile)
    _lint_usage(certificate, profile)
    _lint_names(certificate, profile)


def _lint_body(certificate: x509.Certificate, profile: Profile) -> None:
    if certificate.version is not x509.Version.v3:
        raise IssueRefusedError(Rule.LINT_VERSION)
    if not 0 < certificate.serial_number < 1 << SERIAL_BITS_MAX:
        raise IssueRefusedError(Rule.LINT_SERIAL)
    if not isinstance(certificate.signature_hash_algorithm, STRONG_HASHES):
        raise IssueRefusedError(Rule.LINT_HASH)
    check_public_key(certificate.public_key(), profile=profile)
    # Both ends belong to the validity, hence the second. Source: RFC 5280 section 4.1.2.5.
    validity = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if not timedelta() < validity + timedelta(seconds=1) <= profile.lifetime:
        raise IssueRefusedError(Rule.LINT_LIFETIME)


def _lint_extensions(certificate: x509.Certificate, profile: Profile) -> None:
    expected: dict[ObjectIdentifier, bool] = {
        ExtensionOID.BASIC_CONSTRAINTS: True,
        ExtensionOID.KEY_USAGE: True,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER: False,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER: False,
    }
    if profile.usage.extended:
        expected[ExtensionOID.EXTENDED_KEY_USAGE] = False
    if not profile.basic_constraints.authority:
        expected[ExtensionOID.SUBJECT_ALTERNATIVE_NAME] = False
    if {extension.oid: extension.critical for extension in certificate.extensions} != expected:
        raise IssueRefusedError(Rule.LINT_EXTENSIONS)


def _lint_usage(certificate: x509.Certificate, profile: Profile) -> None:
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    wanted = profile.basic_constraints
    if (constraints.ca, constraints.path_length) != (wanted.authority, wanted.path_length):
        raise IssueRefusedError(Rule.LINT_BASIC_CONSTRAINTS)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    if {name for name in _KEY_USAGES if getattr(usage, name)} != profile.usage.key:
        raise IssueRefusedError(Rule.LINT_KEY_USAGE)
    if profile.usage.extended:
        extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if {_EXTENDED_NAMES.get(oid) for oid in extended} != profile.usage.extended:
            raise IssueRefusedError(Rule.LINT_EXTENDED_USAGE)


def _lint_names(certificate: x509.Certificate, profile: Profile) -> None:
    subject = [attribute.oid for attribute in certificate.subject]
    if subject != [NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME]:
        raise IssueRefusedError(Rule.LINT_NAMES)
    if profile.basic_constraints.authority:
        return
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if not _names_fit(list(names), profile):
        raise IssueRefusedError(Rule.LINT_NAMES)


def _names_fit(names: list[x509.GeneralName], profile: Profile) -> bool:
    pattern = profile.names.uri
    if pattern is None:
        kinds = {type(name) for name in names}
        return bool(kinds) and kinds <= {x509.DNSName, x509.IPAddress}
    uris = [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]
    return len(names) == len(uris) == 1 and uri_matches(uris[0], pattern)
