"""The string that an operator hands to a partner, once, to come to its first certificate.

::

    rse1.<partner id>.<secret>.<SHA-256 of a root of the hub>

Secret and digest are 32 bytes each in base64url without padding. The digest is what lets a partner
recognise the hub before it has any file of it.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field

from rongan_share.wire.caller_id import CALLER_ID
from rongan_share.wire.malformed import MalformedError

SECRET_BYTES = 32
"""Length of the secret."""

_SCHEME = "rse1"
_DIGEST_BYTES = 32
_BASE64 = re.compile(r"[A-Za-z0-9_-]{43}")
_RULE = "needs rse1.<partner id>.<43 characters>.<43 characters>"


@dataclass(frozen=True, slots=True)
class EnrolmentString:
    """What an enrolment string says.

    Attributes:
        partner_id: Who enrols.
        secret: Proves the right to enrol; shown nowhere.
        root_digest: SHA-256 of the DER of the root that the hub is recognised by.
    """

    partner_id: str
    secret: bytes = field(repr=False)
    root_digest: bytes

    @classmethod
    def parse(cls, text: str) -> EnrolmentString:
        """Reads a string; space around it does not count.

        Raises:
            MalformedError: It is not one. The text is not repeated: it may hold a secret.
        """
        parts = text.strip().split(".")
        if len(parts) != 4 or parts[0] != _SCHEME or not CALLER_ID.fullmatch(parts[1]):  # noqa: PLR2004 - as drawn above
            raise MalformedError("enrolment_string", _RULE)
        return cls(parts[1], _decode(parts[2]), _decode(parts[3]))

    def format(self) -> str:
        """Writes the string; whoever has it can enrol."""
        return ".".join((_SCHEME, self.partner_id, _encode(self.secret), _encode(self.root_digest)))


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    if not _BASE64.fullmatch(text):
        raise MalformedError("enrolment_string", _RULE)
    try:
        content = base64.urlsafe_b64decode(text + "=")
    except binascii.Error:
        raise MalformedError("enrolment_string", _RULE) from None
    # The last of 43 characters carries two bits that say nothing; one string has one form.
    if _encode(content) != text:
        raise MalformedError("enrolment_string", _RULE)
    return content
