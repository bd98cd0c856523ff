from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from rongan_share.ca import IssueRefusedError, Rule, lint_certificate, load_profile

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
URI = x509.UniformResourceIdentifier("spiffe://bank.test/partner/bank-a")
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True)
class Draft:
    """A partner certificate as it should be; a test changes one thing."""

    key: ec.EllipticCurvePrivateKey = KEY
    serial: int = 7
    lifetime: timedelta = timedelta(days=90, seconds=-1)
    hash_algorithm: hashes.SHA224 | hashes.SHA256 = field(default_factory=hashes.SHA256)
    subject: tuple[ObjectIdentifier, ...] = (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
    authority: bool = False
    path_length: int | None = None
    constraints_critical: bool = True
    agreement: bool = False
    usages: tuple[ObjectIdentifier, ...] = (CLIENT,)
    names: tuple[x509.GeneralName, ...] = (URI,)
    extra: tuple[x509.ExtensionType, ...] = ()

    def sign(self) -> x509.Certificate:
        """The certificate, signed by its own key: the linter does not look at the signer."""
        name = x509.Name([x509.NameAttribute(oid, "bank-a") for oid in self.subject])
        public = self.key.public_key()
        constraints = x509.BasicConstraints(self.authority, self.path_length)
        extensions: list[x509.ExtensionType] = [
            x509.SubjectKeyIdentifier.from_public_key(public),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(public),
            *self.extra,
        ]
        if self.usages:
            extensions.append(x509.ExtendedKeyUsage(self.usages))
        if self.names:
            extensions.append(x509.SubjectAlternativeName(self.names))
        builder = (
            x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=public)
            .serial_number(self.serial)
            .not_valid_before(FIRST)
            .not_valid_after(FIRST + self.lifetime)
            .add_extension(constraints, critical=self.constraints_critical)
            .add_extension(self._usage(), critical=True)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self.key, self.hash_algorithm)

    def _usage(self) -> x509.KeyUsage:
        return x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=self.agreement,
            key_cert_sign=False,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        )


GOOD = Draft()
SECOND = x509.UniformResourceIdentifier("spiffe://bank.test/partner/bank-b")
OPERATOR = x509.UniformResourceIdentifier("spiffe://bank.test/operator/bank-a")

BAD: dict[str, tuple[Draft, Rule]] = {
    "hash": (replace(GOOD, hash_algorithm=hashes.SHA224()), Rule.LINT_HASH),
    "key": (replace(GOOD, key=ec.generate_private_key(ec.SECP521R1())), Rule.KEY_KIND),
    "lifetime": (replace(GOOD, lifetime=timedelta(days=90)), Rule.LINT_LIFETIME),
    "no constraint critical": (replace(GOOD, constraints_critical=False), Rule.LINT_EXTENSIONS),
    "no usage": (replace(GOOD, usages=()), Rule.LINT_EXTENSIONS),
    "no names": (replace(GOOD, names=()), Rule.LINT_EXTENSIONS),
    "one extension more": (replace(GOOD, extra=(x509.OCSPNoCheck(),)), Rule.LINT_EXTENSIONS),
    "authority": (replace(GOOD, authority=True, path_length=0), Rule.LINT_BASIC_CONSTRAINTS),
    "key usage": (replace(GOOD, agreement=True), Rule.LINT_KEY_USAGE),
    "server": (replace(GOOD, usages=(SERVER,)), Rule.LINT_EXTENDED_USAGE),
    "client and server": (replace(GOOD, usages=(CLIENT, SERVER)), Rule.LINT_EXTENDED_USAGE),
    "subject": (replace(GOOD, subject=(NameOID.COMMON_NAME,)), Rule.LINT_NAMES),
    "two URIs": (replace(GOOD, names=(URI, SECOND)), Rule.LINT_NAMES),
    "URI and DNS": (replace(GOOD, names=(URI, x509.DNSName("bank-a"))), Rule.LINT_NAMES),
    "operator": (replace(GOOD, names=(OPERATOR,)), Rule.LINT_NAMES),
}


def test_a_good_certificate_passes() -> None:
    """The draft that all others are changed from is in order."""
    lint_certificate(GOOD.sign(), load_profile("partner"))


@pytest.mark.parametrize("name", BAD)
def test_bad_certificates(name: str) -> None:
    """Each change breaks the rule it should."""
    draft, rule = BAD[name]
    with pytest.raises(IssueRefusedError) as refusal:
        lint_certificate(draft.sign(), load_profile("partner"))
    assert refusal.value.rule is rule


@pytest.mark.parametrize(
    ("names", "good"),
    [
        ((x509.DNSName("hub.test"),), True),
        ((URI,), False),
        ((x509.DNSName("hub.test"), URI), False),
    ],
)
def test_names_of_a_hub(names: tuple[x509.GeneralName, ...], good: bool) -> None:
    """A hub has hosts and no URI name."""
    certificate = replace(GOOD, usages=(SERVER,), names=names).sign()
    expectation = nullcontext() if good else pytest.raises(IssueRefusedError)
    with expectation:
        lint_certificate(certificate, load_profile("hub"))


VERSION_1 = b"""\
-----BEGIN CERTIFICATE-----
MIIBMjCB2AIBBzAKBggqhkjOPQQDAjAlMRIwEAYDVQQKDAliYW5rLnRlc3QxDzAN
BgNVBAMMBmJhbmstYTAeFw0yNjExMjQwODEwMjZaFw0yNjEyMjQwODEwMjZaMCUx
EjAQBgNVBAoMCWJhbmsudGVzdDEPMA0GA1UEAwwGYmFuay1hMFkwEwYHKoZIzj0C
AQYIKoZIzj0DAQcDQgAEqcsP6Wac7SvHGrwtgyhYfnwokCCoPhydsMbjs/YxKymX
dWQ0Q53zILXsMtkjtjPl02v91oRhIbMdsevrGaPp8TAKBggqhkjOPQQDAgNJADBG
AiEA4fuGsaFiUbEzIJjC8n0fFT1jrT89n1GPhHkLbYBWEvgCIQCXetcC+gAYG0YL
30DSDjlCNRh7BDta0wbxm6E3aPJQIA==
-----END CERTIFICATE-----
"""
"""A certificate of version 1, self-signed, whose key was thrown away.

Made by ``openssl req -new -key k.pem -subj /O=bank.test/CN=bank-a -out r.pem`` and
``openssl x509 -req -in r.pem -signkey k.pem -days 30 -set_serial 7``.
"""


def test_version_1_is_refused() -> None:
    """A certificate of version 1 has no extensions to be held to."""
    with pytest.raises(IssueRefusedError) as refusal:
        lint_certificate(x509.load_pem_x509_certificate(VERSION_1), load_profile("partner"))
    assert refusal.value.rule is Rule.LINT_VERSION


@pytest.mark.filterwarnings("ignore:.*serial number.*")
def test_serial_zero_is_refused() -> None:
    """A serial number is positive; the library that builds certificates cannot make another."""
    der = GOOD.sign().public_bytes(Encoding.DER)
    seven, zero = bytes.fromhex("a003020102020107"), bytes.fromhex("a003020102020100")
    certificate = x509.load_der_x509_certificate(der.replace(seven, zero))
    with pytest.raises(IssueRefusedError) as refusal:
        lint_certificate(certificate, load_profile("partner"))
    assert refusal.value.rule is Rule.LINT_SERIAL
