# SPDX-License-Identifier: MIT
"""The messages that wait to be sent."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Final

from .news import News

_LOOK_BACK: Final = 20
_SOON: Final = 60.0


class Outbox:
    """A bounded queue that folds duplicates, with a count of what became of every message.

    One that says the same as one of the last twenty waiting ones, or as the one that left within
    the last minute, is folded into it. What does not fit pushes out the oldest. Whoever uses it
    holds a lock.

    Args:
        capacity: How many may wait.

    Attributes:
        posted: How many were put in.
        sent: How many were delivered.
        repeated: How many said what another one had said, and were folded into it.
        given_up: How many were refused for good, tried too often or pushed out.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.posted = self.sent = self.repeated = self.given_up = 0
        self._waiting: deque[News] = deque()
        self._last: tuple[News, float] | None = None

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    def put(self, news: News, now: float) -> None:
        """Add a message at the end."""
        self.posted += 1
        for other in islice(reversed(self._waiting), _LOOK_BACK):
            if other.same(news):
                other.repeated += 1
                self.repeated += 1
                return
        if self._last and self._last[0].same(news) and now - self._last[1] < _SOON:
            self.repeated += 1
            return
        self._waiting.append(news)
        if len(self._waiting) > self.capacity:
            self.give_up([self._waiting.popleft()])

    def take(self, now: float, *, everything: bool, at_least: int = 0) -> list[News]:
        """Take the next message out, or all of them.

        Args:
            now: When they leave.
            everything: Whether to take all.
            at_least: The rank of severity below which messages stay.
        """
        batch = [news for news in self._waiting if news.rank >= at_least]
        if not everything:
            batch = batch[:1]
        for news in batch:
            self._waiting.remove(news)
        if batch:
            self._last = (batch[-1], now)
        return batch

    def put_back(self, batch: list[News]) -> None:
        """Put messages back where they were: before all others."""
        self._waiting.extendleft(reversed(batch))

    def highest(self) -> int:
        """Return the rank of the most severe message that waits; -1 when none does."""
        return max((news.rank for news in self._waiting), default=-1)

    def delivered(self, batch: list[News]) -> None:
        """Count messages as sent."""
        self.sent += len(batch) + sum(news.repeated for news in batch)
        self.repeated -= sum(news.repeated for news in batch)

    def delivered_late(self, batch: list[News]) -> None:
        """Count those of *batch* that still wait as sent: it turned out that they were."""
        found = [news for news in batch if news in self._waiting]
        for news in found:
            self._waiting.remove(news)
        self.delivered(found)

    def give_up(self, batch: list[News]) -> None:
        """Count messages as lost."""
        self.given_up += len(batch) + sum(news.repeated for news in batch)
        self.repeated -= sum(news.repeated for news in batch)
