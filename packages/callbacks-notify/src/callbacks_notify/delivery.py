# SPDX-License-Identifier: MIT
"""Delivery of messages in the background."""

from __future__ import annotations

import logging
import threading
from datetime import datetime
from math import inf
from time import monotonic
from typing import Final

from callbacks_core import BackgroundWorker

from .attempt import Attempt
from .errors import DeliveryError, describe, is_permanent
from .news import SEVERITIES, News
from .notificator import Sender
from .outbox import Outbox
from .pacing import LONGEST_ASKED, RateLimit, backoff
from .quiet_hours import QuietHours

_logger = logging.getLogger(__name__)

CAPACITY: Final = 1000
TRIES: Final = 12
"""So many attempts are made for a message: about a quarter of an hour of them."""

_TRIES_AT_THE_END: Final = 3
_STUCK: Final = 3
_GRACE: Final = 2.0
_SLOW: Final = 2.0
"""A channel that takes so many seconds to fail gets no second chance when the run is over."""

_URGENT: Final = SEVERITIES.index("error")


class Delivery:
    """Sends messages with a sender that may be slow, refuse them, or never return.

    One thread sends one message after another. What fails is tried again, later and later, or
    when the other side asks for it; meanwhile messages gather, and go together as one. The same
    happens to what comes faster than it may go. The first failure is reported, and at the end how
    many messages were lost.

    Args:
        sender: What sends them.
        attempt_timeout: How many seconds one attempt may take. A sender that hangs longer is left
            behind in a thread of its own; with three of these, no more attempts are made until
            one returns.
        per_minute: How many messages a minute may go.
        quiet_hours: When only errors are sent; the rest waits for the end of it, or of the run.
    """

    def __init__(
        self,
        sender: Sender,
        *,
        attempt_timeout: float = 10.0,
        per_minute: int = 20,
        quiet_hours: QuietHours | None = None,
    ) -> None:
        self.sender = sender
        self.attempt_timeout = attempt_timeout
        self.per_minute = per_minute
        self.quiet_hours = quiet_hours
        self._name = type(sender).__name__
        self._worker = BackgroundWorker(self._name)
        self._changed = threading.Condition()
        self._stuck: list[Attempt] = []
        self._start()

    def _start(self) -> None:
        self.outbox = Outbox(CAPACITY)
        self._limit = RateLimit(self.per_minute)
        self._failures = 0
        self._not_before = -inf
        self._asked = self._held = self._told = False
        self._sending = self._finished = False
        self._deadline = inf
        self._tries_left = TRIES

    def post(self, news: News) -> None:
        """Take a message, and return at once."""
        with self._changed:
            if self._finished:
                self._start()
            self.outbox.put(news, monotonic())
            if not self._sending:
                self._sending = self._worker.submit(self._send_all)
            elif news.rank >= _URGENT:  # which quiet hours do not hold back
                self._changed.notify_all()

    def finish(self, timeout: float) -> None:
        """Wait until all is delivered, at most *timeout* seconds, and tell how much was not.

        The wait is shorter where it is in vain: a channel that did not work before gets one or
        two more attempts, and one that does not answer gets none.
        """
        with self._changed:
            if self._finished:
                return
            now = monotonic()
            self._deadline = now + timeout
            worked = self.outbox.sent > 0 and not self._failures
            self._tries_left = TRIES if worked else max(_TRIES_AT_THE_END - self._failures, 1)
            if self._failures >= _TRIES_AT_THE_END and not self._asked:
                self._not_before = now
            self._changed.notify_all()
        self._worker.close(timeout + _GRACE)
        with self._changed:
            self._finished = True
            self._give_up_all()
        posted = self.outbox.posted
        lost = posted - self.outbox.sent - self.outbox.repeated
        if lost:
            _logger.warning(
                "%d of %d notifications were not delivered by %s", lost, posted, self._name
            )

    def _send_all(self) -> None:
        try:
            while batch := self._next():
                self._send(batch)
        except BaseException:  # such as no more threads to be had; the worker reports it
            self._sending = False
            raise

    def _next(self) -> list[News]:
        """Wait until something may be sent, and take it; nothing when there is nothing left."""
        with self._changed:
            while True:
                self._return_of_the_stuck()
                now = monotonic()
                if self._in_vain(now):
                    self._give_up_all()
                if not len(self.outbox):
                    self._sending = False
                    return []
                pause = self._pause(now)
                if pause <= 0:
                    return self._take(now)
                self._held = True
                self._changed.wait(pause)

    def _take(self, now: float) -> list[News]:
        everything = self._held or self._failures > 0 or self._limit.wait(now) > 0
        self._held = False
        self._limit.take(now)
        at_least = _URGENT if self._quiet() else 0
        return self.outbox.take(now, everything=everything, at_least=at_least)

    def _pause(self, now: float) -> float:
        if len(self._stuck) >= _STUCK:
            return 60.0
        pause = self._not_before - now
        if self._deadline < inf:
            return min(pause, self._deadline - now)
        pause = max(pause, self._limit.wait(now))
        if self.outbox.highest() < _URGENT:
            pause = max(pause, min(self._quiet(), 60.0))  # the clock may be set meanwhile
        return pause

    def _quiet(self) -> float:
        if self.quiet_hours is None or self._deadline < inf:
            return 0.0
        return self.quiet_hours.left(datetime.now())

    def _in_vain(self, now: float) -> bool:
        if self._deadline == inf:
            return False
        late = max(now, self._not_before) >= self._deadline
        return late or self._tries_left <= 0 or len(self._stuck) >= _STUCK

    def _send(self, batch: list[News]) -> None:
        attempt = Attempt(self.sender, batch, self._changed)
        begin = monotonic()
        until = begin + self.attempt_timeout
        with self._changed:
            while not attempt.done:
                left = min(until, self._deadline) - monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            if attempt.delivered:
                self.outbox.delivered(batch)
                self._failures = 0
                self._asked = False
                return
            if not attempt.done:
                self._stuck.append(attempt)
            told, self._told = self._told, True
            error = attempt.error or DeliveryError(f"no answer in {self.attempt_timeout:g} s")
            self._failed(batch, error, slow=monotonic() - begin >= _SLOW)
        if not told:
            _logger.warning(
                "%s could not send %r: %s; training goes on, and further failures are only counted",
                self._name,
                batch[0].subject,
                describe(error),
            )

    def _failed(self, batch: list[News], error: BaseException, *, slow: bool) -> None:
        self._failures += 1
        for news in batch:
            news.tries += 1
        again = [] if is_permanent(error) else [news for news in batch if news.tries < TRIES]
        self.outbox.put_back(again)
        self.outbox.give_up([news for news in batch if news not in again])
        asked = error.retry_after if isinstance(error, DeliveryError) else None
        self._asked = asked is not None
        pause = backoff(self._failures) if asked is None else min(asked, LONGEST_ASKED)
        self._not_before = monotonic() + pause
        if self._deadline < inf and not self._asked:
            self._tries_left -= _TRIES_AT_THE_END if slow else 1

    def _return_of_the_stuck(self) -> None:
        for attempt in [attempt for attempt in self._stuck if attempt.done]:
            self._stuck.remove(attempt)
            if attempt.delivered:
                self.outbox.delivered_late(attempt.batch)

    def _give_up_all(self) -> None:
        left = self.outbox.take(monotonic(), everything=True)
        self.outbox.give_up(left)

    def __getstate__(self) -> dict[str, object]:
        """Pickle and copy the settings alone: threads and messages stay where they are."""
        return {
            "sender": self.sender,
            "attempt_timeout": self.attempt_timeout,
            "per_minute": self.per_minute,
            "quiet_hours": self.quiet_hours,
        }

    def __setstate__(self, state: dict[str, object]) -> None:
        """Start with nothing to send."""
        self.__init__(**state)  # type: ignore[misc]  # the arguments of `__getstate__`
