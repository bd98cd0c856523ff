"""Why a certificate is not issued: one rule a reason, each a fixed text."""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class Rule(StrEnum):
    """What a request, a name, an issuer, a key file or a drafted certificate breaks."""

    REQUEST_TOO_LONG = "the request is longer than 16,384 bytes"
    REQUEST_UNREADABLE = "the request is not exactly one PEM certificate request"
    REQUEST_SIGNATURE = "the request is not signed by the key it holds"
    REQUEST_HASH = "the request is signed with a hash weaker than SHA-256"
    KEY_KIND = "the kind of key is not allowed by the profile"
    RSA_SIZE = "an RSA key has 2,048 to 4,096 bits"
    RSA_EXPONENT = "an RSA key has an odd public exponent from 65,537 to 2^64"
    TRUST_DOMAIN = "a trust domain is 1 to 64 characters of a-z, 0-9, dot and hyphen"
    HOLDER_NAME = "a name is 1 to 64 characters of a-z, 0-9 and hyphen, no hyphen at either end"
    HOLDER_TWICE = "a name stands twice"
    HOST_NAME = "a host is a DNS name in lower case without wildcard, or an IP address"
    PROFILE_NAMES = "the names given are not those the profile asks for"
    CLOCK = "the instant has no time zone"
    ISSUER_KEY = "the issuer's key does not belong to its certificate"
    ISSUER_AUTHORITY = "the issuer may not sign a certificate of this profile"
    ISSUER_LIFETIME = "the issuer is not valid now, or ends before the certificate would"
    KEY_FILE_OPEN = "the key file may be read by others than its owner; make it 0600"
    KEY_FILE_UNREADABLE = "the key file does not hold one unencrypted P-256 or P-384 key"
    CERTIFICATE_FILE = "the certificate file does not begin with a PEM certificate"
    LINT_VERSION = "the certificate is not of version 3"
    LINT_SERIAL = "the serial number is not positive or has more than 159 bits"
    LINT_HASH = "the certificate is signed with a hash weaker than SHA-256"
    LINT_LIFETIME = "the certificate lives longer than its profile allows"
    LINT_EXTENSIONS = "the extensions, or which of them are critical, differ from the profile"
    LINT_BASIC_CONSTRAINTS = "the basic constraints differ from the profile"
    LINT_KEY_USAGE = "the key usage differs from the profile"
    LINT_EXTENDED_USAGE = "the extended key usage differs from the profile"
    LINT_NAMES = "the names differ from the profile"


class IssueRefusedError(ValueError):
    """Says which rule stood in the way, never a key.

    Attributes:
        rule: The rule that is broken.
        detail: What was met instead, in words of ours; may be empty.
    """

    def __init__(self, rule: Rule, detail: str = "") -> None:
        """Keeps the rule and what was met."""
        super().__init__(f"{rule.value}: {detail}" if detail else rule.value)
        self.rule = rule
        self.detail = detail
