"""Keeps the certificate of a running client fresh, in a thread of its own.

Whatever changes in the directory reaches the client: what it renewed itself, and what another
process of the same partner, or ``rongan renew``, put there.
"""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from partner_sdk.channels import dial_channels
from partner_sdk.clock import utc_now
from partner_sdk.credentials import Credentials, CredentialsError
from partner_sdk.directory import DirectoryBusyError
from partner_sdk.errors import SdkError
from partner_sdk.renewal import due_time, refresh_roots, renew

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from partner_sdk.calls import Connections

ALARM_DAYS = 30, 14, 7, 1
"""Days left at which a renewal that does not work is told, each once."""

_URGENT_DAYS = 7
_DAY = timedelta(days=1)
_SPREAD = 1 / 30
"""Part of a certificate's life over which renewals are spread: partners that enrolled on one day
must not all come back on another."""

_LOOK = timedelta(hours=1)
"""How often the directory is looked at."""

_BUSY = timedelta(minutes=1)
_MARGIN_SECONDS = 15.0

_LOGGER = logging.getLogger("partner_sdk")


@dataclass(frozen=True, slots=True)
class RenewalTiming:
    """When a renewer does things; replaced in tests.

    Attributes:
        now: The present instant, aware.
        random: Numbers from 0 up to, not including, 1, for jitter.
    """

    now: Callable[[], datetime] = utc_now
    random: Callable[[], float] = random.random


class Renewer:
    """Renews the credentials of one client and swaps its channels.

    Args:
        connections: The client's; they are swapped.
        credentials: What they were made with, from a directory.
        target: ``host:port`` of the hub.
        count: How many channels the client has.
        timing: When to do things.
    """

    def __init__(
        self,
        connections: Connections,
        credentials: Credentials,
        target: str,
        *,
        count: int,
        timing: RenewalTiming | None = None,
    ) -> None:
        if credentials.directory is None:
            raise ValueError("credentials that are in no directory cannot be replaced there")
        self._connections = connections
        self._used = credentials
        self._directory: Path = credentials.directory
        self._target = target
        self._count = count
        self._timing = timing or RenewalTiming()
        self._spread = self._timing.random() * _SPREAD
        self._roots_due = self._timing.now() + _LOOK * self._timing.random()
        self._alarmed = max(ALARM_DAYS) + 1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="renew", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def close(self) -> None:
        """Ends the thread; waits for a renewal that is under way, but not for ever."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_MARGIN_SECONDS)

    def step(self) -> float:
        """Does what is due.

        Returns:
            Seconds until the next step.
        """
        try:
            wait = self._step()
        except DirectoryBusyError:
            wait = _BUSY
        except CredentialsError as error:
            _LOGGER.log(logging.ERROR, "the credentials cannot be used: %s", error)
            wait = _LOOK
        except (SdkError, OSError) as error:
            _LOGGER.warning("the credentials in %s were not refreshed: %s", self._directory, error)
            wait = _LOOK
        except Exception:
            # A fault of our own must not end renewals until the certificate has ended.
            _LOGGER.exception("a fault of the SDK")
            wait = _LOOK
        return wait.total_seconds() * (0.5 + self._timing.random())

    def _run(self) -> None:
        wait = self.step()
        while not self._stop.wait(wait):
            wait = self.step()

    def _step(self) -> timedelta:
        now = self._timing.now()
        self._take(Credentials.from_directory(self._directory, now=now))
        due = self._due()
        if now >= due:
            self._renew(now)
        if now >= self._roots_due:
            self._roots_due = now + _DAY
            if refresh_roots(self._directory, self._target, now=now):
                self._take(Credentials.from_directory(self._directory, now=now))
                _LOGGER.info("the hub's roots were replaced by newer ones")
        return min(_LOOK, max(due - now, timedelta(seconds=1))) if due > now else _LOOK

    def _due(self) -> datetime:
        life = self._used.expiry_time - self._used.start_time
        return due_time(self._used) + life * self._spread

    def _renew(self, now: datetime) -> None:
        try:
            self._take(renew(self._directory, self._target, now=now))
        except DirectoryBusyError:
            raise
        except (SdkError, OSError) as error:
            self._alarm(now, error)
            return
        self._alarmed = max(ALARM_DAYS) + 1
        _LOGGER.info(
            "the certificate of %s was renewed; it is valid until %s",
            self._used.identity,
            self._used.expiry_time.isoformat(),
        )

    def _take(self, credentials: Credentials) -> None:
        if credentials == self._used:
            return
        self._used = credentials
        self._connections.swap(dial_channels(self._target, credentials, count=self._count))

    def _alarm(self, now: datetime, error: Exception) -> None:
        left = self._used.expiry_time - now
        passed = min((days for days in ALARM_DAYS if left <= days * _DAY), default=None)
        if passed is None or passed >= self._alarmed:
            _LOGGER.info("the certificate was not renewed yet: %s", error)
            return
        self._alarmed = passed
        _LOGGER.log(
            logging.ERROR if passed <= _URGENT_DAYS else logging.WARNING,
            "the certificate of %s ends in %d days, on %s, and was not renewed: %s",
            self._used.identity,
            left // _DAY,
            self._used.expiry_time.isoformat(),
            error,
        )
