# SPDX-License-Identifier: MIT
"""An axis of a chart: which numbers stand beside it, and where a value lies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

_NICE: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_WIDE: Final = 100.0
"""From this ratio of the largest to the smallest value on, an axis is logarithmic."""

_SAME: Final = 1e-9
"""Values that differ by less, relatively, count as equal: rounding is not blown up."""


class Axis:
    """Places values from 0 to 1.

    Args:
        values: The finite numbers to be placed.
        logarithmic: Whether the axis may be logarithmic where the values span a lot.
        whole: Whether only whole numbers may stand beside it.

    Attributes:
        logarithmic: Whether it is.
        ticks: The numbers that stand beside it.
    """

    def __init__(
        self, values: Sequence[float], *, logarithmic: bool = False, whole: bool = False
    ) -> None:
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        self.logarithmic = logarithmic and low > 0 and high / low >= _WIDE
        if self.logarithmic:
            first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
            every = max(1, math.ceil((last - first) / 6))
            self.ticks = [10.0**power for power in range(first, last + 1, every)]
            self._low, self._high = math.log10(low), math.log10(high)
            self._cover_ticks()
            return
        if high - low <= abs(high) * _SAME:
            low, high = (
                (low, low + 1) if whole else (low - abs(low or 1) / 2, low + abs(low or 1) / 2)
            )
        step = _step(high - low, whole=whole)
        self._low, self._high = low, high
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        self.ticks = [index * step for index in range(first, last + 1)]

    def _cover_ticks(self) -> None:
        """Leave out the powers of ten that lie far beyond the values."""
        reach = (self._high - self._low) * 0.1
        self.ticks = [
            tick
            for tick in self.ticks
            if self._low - reach <= math.log10(tick) <= self._high + reach
        ]
        powers = [math.log10(tick) for tick in self.ticks]
        self._low, self._high = min([self._low, *powers]), max([self._high, *powers])

    def place(self, value: float) -> float:
        """Return where *value* lies, between 0 and 1."""
        value = math.log10(value) if self.logarithmic else value
        return (value - self._low) / (self._high - self._low)


def _step(span: float, *, whole: bool) -> float:
    """Return the distance of two numbers, so that there are about six."""
    rough = span / 6
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(nice * power for nice in _NICE if nice * power >= rough * 0.999)
    return float(max(1, math.ceil(step))) if whole else step
