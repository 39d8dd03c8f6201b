# SPDX-License-Identifier: MIT
"""Triggers that look at the clock."""

from __future__ import annotations

import math
from time import monotonic

from ._trigger import Trigger


class EverySeconds(Trigger):
    """Goes off once the last save, or its attempt, is so many seconds ago.

    It is asked after each batch and each epoch, so it never comes early and at most a batch, or a
    validation, late.

    Args:
        seconds: How many.

    Raises:
        TypeError: It is not a number.
        ValueError: It is not positive and finite.
    """

    within_epochs = True

    def __init__(self, seconds: float) -> None:
        self.seconds = _positive("seconds", seconds)
        self._since = monotonic()

    def begin(self, *, resumed: bool) -> None:
        self._since = monotonic()

    def after_batch(self) -> bool:
        return monotonic() - self._since >= self.seconds

    def after_epoch(self, epoch_number: int) -> bool:
        return monotonic() - self._since >= self.seconds

    def done(self, *, saved: bool) -> None:
        self._since = monotonic()


class EveryMinutes(EverySeconds):
    """Goes off once the last save, or its attempt, is so many minutes ago.

    Args:
        minutes: How many.

    Raises:
        TypeError: It is not a number.
        ValueError: It is not positive and finite.
    """

    def __init__(self, minutes: float) -> None:
        super().__init__(60 * _positive("minutes", minutes))


def _positive(argument: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"`{argument}` must be a number, not {value!r}")
    if not 0 < value < math.inf:
        raise ValueError(f"`{argument}` must be more than 0, and finite, not {value!r}")
    return float(value)
