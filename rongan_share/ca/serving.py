"""The signer's socket: who may ask, and that nobody who asks badly keeps others waiting."""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import struct
import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Self

from rongan_share.ca.signer import Signer, SigningRefusedError
from rongan_share.errors import RonganError, StartRefusedError
from rongan_share.model.refusals import IssueRefusedError
from rongan_share.wire.signer_frames import (
    GIVEN,
    ISSUANCE_ID,
    REFUSED,
    REQUEST_BYTES_MAX,
    REVOCATION_LIST,
    receive_frame,
    send_frame,
    short_name,
)

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from rongan_share.clock import Clock
    from rongan_share.config import Settings
    from rongan_share.ledger.environment import Ledger

REQUEST_SECONDS = 2.0
"""Time for a request to come whole, and for its answer to be taken."""

CONNECTIONS_MAX = 64
"""Connections served at once; more are closed unread."""

_CREDENTIALS = struct.Struct("3i")
_log = logging.getLogger(__name__)


class SignerServer:
    """Serves one Unix socket. Use as a context manager: it serves from entry to exit.

    Args:
        settings: The hub's configuration.
        ledger: Its ledger, which the signer only reads.
        clock: Tells the time.

    Raises:
        StartRefusedError: An authority's files are unfit.
    """

    def __init__(self, settings: Settings, ledger: Ledger, clock: Clock) -> None:
        try:
            self._signer = Signer(settings, ledger, clock)
        except (IssueRefusedError, OSError) as error:
            raise StartRefusedError(f"the signer's keys: {error}") from None
        self._path = settings.signer.socket
        self._allowed = frozenset((os.geteuid(), *settings.signer.allowed_uids))
        self._places = threading.BoundedSemaphore(CONNECTIONS_MAX)
        self._ending = ExitStack()

    def start(self) -> None:
        """Takes the socket and begins to answer.

        Raises:
            StartRefusedError: Another signer has it, or its folder is unfit.
        """
        with ExitStack() as ending:
            try:
                listening = self._listen(ending)
            except OSError as error:
                raise StartRefusedError(f"cannot serve {self._path}: {error}") from None
            thread = threading.Thread(
                target=self._accept, args=(listening,), name="signer", daemon=True
            )
            thread.start()
            ending.callback(thread.join)
            # Wakes the thread, which a close alone would leave waiting.
            ending.callback(listening.shutdown, socket.SHUT_RDWR)
            self._ending = ending.pop_all()

    def stop(self) -> None:
        """Answers nobody any more."""
        self._ending.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _listen(self, ending: ExitStack) -> socket.socket:
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        _hold(self._path, ending)
        # What a signer that was killed left; whoever holds the lock is alone here.
        self._path.unlink(missing_ok=True)
        listening = ending.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        with short_name(self._path) as name:
            listening.bind(name)
        ending.callback(self._path.unlink, missing_ok=True)
        # Who may ask, the kernel tells; the mode only keeps others from trying.
        self._path.chmod(0o600 if self._allowed == {os.geteuid()} else 0o666)
        listening.listen(CONNECTIONS_MAX)
        return listening

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                link, _ = listening.accept()
            except OSError:
                return
            if not self._places.acquire(blocking=False):
                link.close()
                continue
            threading.Thread(target=self._serve, args=(link,), name="sign", daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        try:
            with link, suppress(OSError):
                self._answer(link)
        except Exception:  # noqa: BLE001 - whoever asked sees the connection end, others nothing
            _log.exception("a request to the signer failed")
        finally:
            self._places.release()

    def _answer(self, link: socket.socket) -> None:
        raw = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        _, uid, _ = _CREDENTIALS.unpack(raw)
        if uid not in self._allowed:
            _log.warning("user %d may not ask the signer", uid)
            return
        request = receive_frame(link, most=REQUEST_BYTES_MAX, within_seconds=REQUEST_SECONDS)
        answer = self._answer_to(request)
        link.settimeout(REQUEST_SECONDS)
        send_frame(link, answer)

    def _answer_to(self, request: bytes) -> bytes:
        try:
            if request == REVOCATION_LIST:
                return GIVEN + self._signer.revocation_list()
            if not ISSUANCE_ID.fullmatch(request):
                return REFUSED + b"no such request"
            signed = self._signer.sign(request.decode())
        except SigningRefusedError as refused:
            _log.warning("not signed issuance=%s: %s", request.decode(), refused)
            return REFUSED + str(refused).encode()
        except RonganError as error:
            return REFUSED + error.reason.name.encode()
        _log.info("signed issuance=%s", request.decode())
        return GIVEN + signed


def _hold(path: Path, ending: ExitStack) -> None:
    """Locks out a second signer on the same socket."""
    lock = os.open(
        path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    ending.callback(os.close, lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise StartRefusedError(f"another signer serves {path}") from None
