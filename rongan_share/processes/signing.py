"""The way to the signer, for whoever may ask it; the keys and their use are the signer's alone."""

from __future__ import annotations

import logging
import socket
from threading import Event
from typing import TYPE_CHECKING

from rongan_share.clock import monotonic_ns
from rongan_share.errors import Reason, RonganError
from rongan_share.wire.signer_frames import (
    ANSWER_BYTES_MAX,
    GIVEN,
    REVOCATION_LIST,
    receive_frame,
    send_frame,
    short_name,
)

if TYPE_CHECKING:
    from pathlib import Path

    from rongan_share.config import Settings

ANSWER_SECONDS = 10.0
"""Longest wait for an answer of a signer that is there."""

PATIENCE_SECONDS = 2.0
"""How long a signer that is away is tried: one that died is back after about so long."""

_PAUSE_SECONDS = 0.1
_log = logging.getLogger(__name__)


def signs(settings: Settings) -> bool:
    """Whether a hub has a signer: one whose issuing keys were taken away has none."""
    keys = (settings.tls.client_intermediate_key, settings.signer.hub_intermediate_key)
    return settings.signer.external or all(key.exists() for key in keys)


class SignerClient:
    """Asks the signer, one connection a question.

    Args:
        path: Its socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pausing = Event()

    def sign(self, issuance_id: str) -> bytes:
        """Has an issuance signed that is durable; returns the certificate, DER.

        Raises:
            RonganError: SIGNER_UNAVAILABLE: it is away, or refused.
        """
        return self._ask(issuance_id.encode())

    def revocation_list(self) -> bytes:
        """Has a list made of what was revoked, DER.

        Raises:
            RonganError: SIGNER_UNAVAILABLE.
        """
        return self._ask(REVOCATION_LIST)

    def _ask(self, request: bytes) -> bytes:
        """Asks until there is an answer: the same question has the same answer, so none is lost."""
        end_ns = monotonic_ns() + int(PATIENCE_SECONDS * 1e9)
        while True:
            try:
                answer = self._ask_once(request)
                break
            except OSError as error:
                if monotonic_ns() > end_ns:
                    _log.error("the signer does not answer: %s", error)
                    raise RonganError(Reason.SIGNER_UNAVAILABLE) from None
                self._pausing.wait(_PAUSE_SECONDS)
        if answer[:1] != GIVEN:
            reason = answer[1:].decode(errors="replace")
            _log.error("the signer refused %s: %s", request.decode(), reason)
            raise RonganError(Reason.SIGNER_UNAVAILABLE)
        return answer[1:]

    def _ask_once(self, request: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(ANSWER_SECONDS)
            with short_name(self._path) as name:
                link.connect(name)
            send_frame(link, request)
            return receive_frame(link, most=ANSWER_BYTES_MAX, within_seconds=ANSWER_SECONDS)
