# SPDX-License-Identifier: MIT
"""How long the remaining steps will take."""

from __future__ import annotations


class Eta:
    """An estimate of the time that a step takes, from the steps so far.

    Recent steps weigh more: the k-th one has the weight k. The clock is looked at only when the
    display is drawn, so the steps between two looks count as equally long.

    Args:
        begin: The time at which the first step began, in seconds.
        equal_weights: Whether all steps weigh the same instead.
        done: How many steps were done before, by a training that is gone on with; their pace is
            not known.
    """

    def __init__(self, begin: float, *, equal_weights: bool = False, done: int = 0) -> None:
        self.equal_weights = equal_weights
        self._begin = self._last = begin
        self._done = done
        self._steps = 0
        self._weighted = 0.0

    def observe(self, steps: int, now: float) -> None:
        """Take note that *steps* steps are done at the time *now*, those before included."""
        seen = steps - self._done
        self._weighted += (now - self._last) * (self._steps + 1 + seen) / 2
        self._steps = seen
        self._last = now

    def seconds_per_step(self) -> float:
        """Return how long a step takes; 0.0 before the first one."""
        if not self._steps:
            return 0.0
        if self.equal_weights:
            return (self._last - self._begin) / self._steps
        return self._weighted / (self._steps * (self._steps + 1) / 2)

    def remaining(self, steps: int) -> float:
        """Return how many seconds are left when there are *steps* steps in all."""
        return self.seconds_per_step() * max(0, steps - self._done - self._steps)
