"""What kind a public key is, and whether a profile accepts it."""

from __future__ import annotations

from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from rongan_share.model.profiles import KeyKind, Profile
from rongan_share.model.refusals import IssueRefusedError, Rule

PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
"""A public key that some profile accepts."""

RSA_BITS = range(2_048, 4_097)
"""Bits of an RSA modulus; above, one signature costs the hub too much. Source: NIST SP 800-52r2."""

RSA_EXPONENTS = range(65_537, 2**64, 2)
"""Public exponents, odd. Source: CA/Browser Forum baseline requirements 6.1.6."""

CURVES: dict[str, KeyKind] = {"secp256r1": KeyKind.P256, "secp384r1": KeyKind.P384}
"""Kinds of elliptic-curve keys by the name of their curve."""


def check_public_key(public_key: CertificatePublicKeyTypes, *, profile: Profile) -> PublicKey:
    """Lets a key through that the profile accepts.

    Raises:
        IssueRefusedError: Of another kind (``KEY_KIND``), or RSA out of range (``RSA_SIZE``,
            ``RSA_EXPONENT``).
    """
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        kind = CURVES.get(public_key.curve.name)
        if kind is None or kind not in profile.key.accepted:
            raise IssueRefusedError(Rule.KEY_KIND, f"curve {public_key.curve.name}")
        return public_key
    if not isinstance(public_key, rsa.RSAPublicKey) or KeyKind.RSA not in profile.key.accepted:
        met = type(public_key).__name__.removesuffix("PublicKey")
        raise IssueRefusedError(Rule.KEY_KIND, met)
    if public_key.key_size not in RSA_BITS:
        raise IssueRefusedError(Rule.RSA_SIZE, f"{public_key.key_size} bits")
    if public_key.public_numbers().e not in RSA_EXPONENTS:
        raise IssueRefusedError(Rule.RSA_EXPONENT)
    return public_key
