# SPDX-License-Identifier: MIT
"""How fast messages may go, and how long to wait after one that did not."""

from __future__ import annotations

import random
from typing import Final

FIRST: Final = 0.5
LONGEST: Final = 300.0
LONGEST_ASKED: Final = 3600.0


def backoff(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row.

    They double each time, up to five minutes; half of it is left to chance, so that many runs
    that lost the same server do not come back all at once.
    """
    longest = min(LONGEST, FIRST * 2.0 ** (min(failures, 30) - 1))
    return longest * random.uniform(0.5, 1.0)


class RateLimit:
    """A bucket of tokens: so many at once, then so many a minute.

    Args:
        per_minute: How many messages a minute may go.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._tokens = float(per_minute)
        self._filled: float | None = None

    def wait(self, now: float) -> float:
        """Return how many seconds it takes, from *now*, until one more may go."""
        self._fill(now)
        return max(0.0, 1.0 - self._tokens) * 60.0 / self.per_minute

    def take(self, now: float) -> None:
        """Count one that goes *now*, allowed or not."""
        self._fill(now)
        self._tokens -= 1.0

    def _fill(self, now: float) -> None:
        if self._filled is not None:
            came = (now - self._filled) * self.per_minute / 60.0
            self._tokens = min(float(self.per_minute), self._tokens + came)
        self._filled = now
