"""What the server does by itself: it ticks, tells subscribers of events, and signs heads of the log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import date
from typing import Final

from api.problems import LOG
from api.services import Services
from casework.posting import Sender
from casework.webhooks import Deliverer

PAUSE: Final = 1.0
"""Seconds between one look and the next."""
HOUR: Final = 3600.0
_AFTER_FAILURE: Final = 60.0
"""Seconds until what failed is tried again."""
_LONGEST_END: Final = 30.0


class Live:
    """A thread beside the server. What fails in it is logged and tried again, and ends neither it nor the server."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sender = Sender(services.rules)
        self._deliverer = Deliverer(services.store, self._sender)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)
        self._not_before: dict[str, float] = {}
        self._refused: set[str] = set()
        self._day: date | None = None
        self._signed_at: float | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End: nothing new is begun, deliveries are broken off, a batch that is being graded is finished."""
        self._stopped.set()
        self._sender.close()
        if self._thread.is_alive():
            self._thread.join(_LONGEST_END)

    def _run(self) -> None:
        while not self._stopped.is_set():
            for name, work in (("tick", self._tick), ("deliver", self._deliver), ("sign", self._sign)):
                self._attempt(name, work)
            self._stopped.wait(PAUSE)

    def _attempt(self, name: str, work: Callable[[], None]) -> None:
        if self._stopped.is_set() or time.monotonic() < self._not_before.get(name, 0.0):
            return
        try:
            work()
        except Exception as error:  # noqa: BLE001  the edge of the thread
            self._not_before[name] = time.monotonic() + _AFTER_FAILURE
            LOG.error("%s failed and is tried again in a minute", name, exc_info=error)

    def _tick(self) -> None:
        """Grade who is due: with a new day, another version in force, or something new about everyone."""
        today = self._services.today()
        if today != self._day:
            # Who couldn't be graded is tried once a day.
            self._day, self._refused = today, set()
        if not self._services.due(today) - self._refused:
            return
        ticked = self._services.tick(today, self._stopped.is_set)
        self._refused |= ticked.refused.keys()
        for name, one in ticked.refused.items():
            LOG.warning("%s has no new grade: [%s] %s", name, one.code, one.message)
        self._signed_at = None

    def _deliver(self) -> None:
        self._deliverer.deliver(self._stopped.is_set)

    def _sign(self) -> None:
        now = time.monotonic()
        if self._signed_at is not None and now - self._signed_at < HOUR:
            return
        # A log that hasn't grown is looked at again: what comes first after a quiet time is signed at once.
        if self._services.sign_head() is not None:
            self._signed_at = now
