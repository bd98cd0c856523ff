from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from rongan_share.ca import IssueRefusedError, Rule, check_request, load_profile
from tests.support.pki import Key

PEM = serialization.Encoding.PEM


def request(key: Key, *, hash_algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    """A request as a partner makes it, asking for more than it gets."""
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bank-a")]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return builder.sign(key, None).public_bytes(PEM)
    algorithm = hash_algorithm or hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(PEM)  # type: ignore[arg-type]


def p256() -> ec.EllipticCurvePrivateKey:
    """A key of the usual kind."""
    return ec.generate_private_key(ec.SECP256R1())


def forged() -> bytes:
    """A request whose signature was made by another key: the key inside was put in later."""
    mine, theirs = p256(), p256()
    whole = x509.load_pem_x509_csr(request(mine)).public_bytes(serialization.Encoding.DER)

    def spki(key: ec.EllipticCurvePrivateKey) -> bytes:
        return key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    swapped = whole.replace(spki(mine), spki(theirs))
    return x509.load_der_x509_csr(swapped).public_bytes(PEM)


BAD: dict[str, tuple[Callable[[], bytes], Rule, str]] = {
    "too long": (
        lambda: request(p256()) + b"\n" * 16_384,
        Rule.REQUEST_TOO_LONG,
        "",
    ),
    "empty": (lambda: b"", Rule.REQUEST_UNREADABLE, ""),
    "two requests": (lambda: request(p256()) * 2, Rule.REQUEST_UNREADABLE, ""),
    "not base64": (
        lambda: b"-----BEGIN CERTIFICATE REQUEST-----\n!\n-----END CERTIFICATE REQUEST-----\n",
        Rule.REQUEST_UNREADABLE,
        "",
    ),
    "a private key": (
        lambda: p256().private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        Rule.REQUEST_UNREADABLE,
        "",
    ),
    "another's key": (forged, Rule.REQUEST_SIGNATURE, ""),
    "P-521": (
        lambda: request(ec.generate_private_key(ec.SECP521R1())),
        Rule.KEY_KIND,
        "curve secp521r1",
    ),
    "Ed25519": (lambda: request(ed25519.Ed25519PrivateKey.generate()), Rule.KEY_KIND, "Ed25519"),
    "RSA-1024": (
        lambda: request(rsa.generate_private_key(65_537, 1_024)),
        Rule.RSA_SIZE,
        "1024 bits",
    ),
    "RSA exponent": (
        lambda: request(rsa.generate_private_key(3, 2_048)),
        Rule.RSA_EXPONENT,
        "",
    ),
    "SHA-224": (
        lambda: request(p256(), hash_algorithm=hashes.SHA224()),
        Rule.REQUEST_HASH,
        "",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_requests(name: str) -> None:
    """Each rule refuses its request, by name and in words a partner understands."""
    make, rule, detail = BAD[name]
    with pytest.raises(IssueRefusedError) as refusal:
        check_request(make(), profile=load_profile("partner"))
    assert (refusal.value.rule, refusal.value.detail) == (rule, detail)
    assert str(refusal.value).startswith(rule.value)


@pytest.mark.parametrize(
    "key",
    [
        p256(),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65_537, 2_048),
    ],
    ids=["P-256", "P-384", "RSA-2048"],
)
def test_good_requests(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    """Of a good request the public key is left and nothing else."""
    checked = check_request(request(key), profile=load_profile("partner"))
    assert checked.public_key == key.public_key()
    assert checked.__slots__ == ("public_key",)


def test_the_profile_decides_on_rsa() -> None:
    """A hub may not have the RSA key that a partner may have."""
    pem = request(rsa.generate_private_key(65_537, 2_048))
    with pytest.raises(IssueRefusedError) as refusal:
        check_request(pem, profile=load_profile("hub"))
    assert refusal.value.rule is Rule.KEY_KIND


def test_a_request_of_an_unheard_of_key_is_refused() -> None:
    """A request whose key has an algorithm that nobody knows is a refusal and no crash."""
    der = x509.load_pem_x509_csr(request(p256())).public_bytes(serialization.Encoding.DER)
    ec_public_key, unheard_of = (
        bytes.fromhex("06072a8648ce3d0201"),
        bytes.fromhex("06072a8648ce3d0263"),
    )
    pem = x509.load_der_x509_csr(der.replace(ec_public_key, unheard_of)).public_bytes(PEM)
    with pytest.raises(IssueRefusedError) as refusal:
        check_request(pem, profile=load_profile("partner"))
    assert refusal.value.rule is Rule.REQUEST_UNREADABLE


def test_a_request_signed_by_an_unheard_of_algorithm_is_refused() -> None:
    """A request whose signature algorithm nobody knows proves nothing."""
    der = x509.load_pem_x509_csr(request(p256())).public_bytes(serialization.Encoding.DER)
    ecdsa_sha256 = bytes.fromhex("06082a8648ce3d040302")
    pem = x509.load_der_x509_csr(
        der.replace(ecdsa_sha256, bytes.fromhex("06082a8648ce3d040363"))
    ).public_bytes(PEM)
    with pytest.raises(IssueRefusedError) as refusal:
        check_request(pem, profile=load_profile("partner"))
    assert refusal.value.rule is Rule.REQUEST_SIGNATURE
