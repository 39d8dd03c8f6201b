# SPDX-License-Identifier: MIT
"""The values that a parameter takes, one for each step."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Final, overload

from callbacks_core import whole_number

from ._checks import finite, positive

_CHUNK: Final = 1024
"""So many values are worked out at a time."""


class Space(Sequence[float], ABC):
    """A sequence of numbers from *start* to *end*, worked out when one is asked for.

    It can be gone through again and again, and holds nothing but its arguments. The first
    value is *start* and the last one *end*, exactly; none lies outside of them. A space of one
    step is *start*.

    Args:
        start: The first value.
        end: The last value.
        steps: How many values there are.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *start* or *end* is not finite, or *steps* is less than 1.
    """

    __slots__ = ("_end", "_high", "_last", "_low", "_start")

    def __init__(self, start: float, end: float, steps: int) -> None:
        whole_number("steps", steps, at_least=1)
        self._start, self._end = finite("start", start), finite("end", end)
        self._low, self._high = sorted((self._start, self._end))
        self._last = steps - 1

    @abstractmethod
    def between(self, fraction: float) -> float:
        """Return the value after *fraction* of the steps, from 0 to 1."""

    def __len__(self) -> int:
        return self._last + 1

    def _at(self, index: int) -> float:
        if not 0 < index < self._last:
            return self._end if index else self._start
        value = self.between(index / self._last)
        if value > self._high:  # by rounding
            return self._high
        return self._low if value < self._low else value

    @overload
    def __getitem__(self, index: int) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> list[float]: ...
    def __getitem__(self, index: int | slice) -> float | list[float]:
        """Return the value of a step, or a list of several."""
        if type(index) is int and 0 <= index <= self._last:  # most often, once a step
            return self._at(index)
        if isinstance(index, slice):
            return self._stretch(range(len(self))[index])
        return self._at(range(len(self))[index])

    def __iter__(self) -> Iterator[float]:
        steps = range(len(self))
        for begin in range(0, len(self), _CHUNK):
            yield from self._stretch(steps[begin : begin + _CHUNK])

    def _stretch(self, steps: range) -> list[float]:
        """Return the values of several steps, sooner than one by one."""
        if not steps or not self._last:
            return [self._start] * len(steps)
        between, last, low, high = self.between, self._last, self._low, self._high
        values = [between(step / last) for step in steps]
        if max(values) > high or min(values) < low:
            values = [min(max(value, low), high) for value in values]
        for step, value in ((0, self._start), (last, self._end)):
            if step in steps:
                values[steps.index(step)] = value
        return values

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Space):
            return NotImplemented
        return repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    @abstractmethod
    def __repr__(self) -> str:
        """Return the call that makes an equal space."""


class _Linear(Space):
    __slots__ = ()

    def between(self, fraction: float) -> float:
        return self._start + (self._end - self._start) * fraction

    def __repr__(self) -> str:
        return f"linspace({self._start!r}, {self._end!r}, {len(self)})"


class _Cosine(Space):
    __slots__ = ()

    def between(self, fraction: float) -> float:
        way = (1 + math.cos(math.pi * (1 - fraction))) / 2  # which is exactly 0.5 in the middle
        return self._start + (self._end - self._start) * way

    def __repr__(self) -> str:
        return f"cosinespace({self._start!r}, {self._end!r}, {len(self)})"


class _Exponential(Space):
    __slots__ = ("_ratio",)

    def __init__(self, start: float, end: float, steps: int) -> None:
        super().__init__(start, end, steps)
        if self._low <= 0 <= self._high:
            raise ValueError(
                f"`start` and `end` must both be positive or both be negative, not {start!r} and "
                f"{end!r}: no factor leads from or to zero, or across it"
            )
        self._ratio = self._end / self._start
        if not 0 < self._ratio < math.inf:
            raise ValueError(f"`start` and `end` are too far apart: {start!r} and {end!r}")

    def between(self, fraction: float) -> float:
        value: float = self._start * self._ratio**fraction
        return value

    def __repr__(self) -> str:
        return f"expspace({self._start!r}, {self._end!r}, {len(self)})"


class _Polynomial(Space):
    __slots__ = ("_power",)

    def __init__(self, start: float, end: float, steps: int, power: float) -> None:
        super().__init__(start, end, steps)
        positive("power", power)
        self._power = finite("power", power)

    def between(self, fraction: float) -> float:
        left: float = (1 - fraction) ** self._power
        return self._end + (self._start - self._end) * left

    def __repr__(self) -> str:
        return f"polyspace({self._start!r}, {self._end!r}, {len(self)}, power={self._power!r})"


class _Constant(Space):
    __slots__ = ()

    def __init__(self, value: float, steps: int) -> None:
        value = finite("value", value)
        super().__init__(value, value, steps)

    def between(self, fraction: float) -> float:
        return self._start

    def __repr__(self) -> str:
        return f"constant({self._start!r}, {len(self)})"


def linspace(start: float, end: float, steps: int) -> Space:
    """Return numbers at equal distances.

    >>> list(linspace(0, 1, 3))
    [0.0, 0.5, 1.0]

    Args:
        start: The first value.
        end: The last value.
        steps: How many values there are.

    Returns:
        A lazy sequence, which can be gone through again and again.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *start* or *end* is not finite, or *steps* is less than 1.
    """
    return _Linear(start, end, steps)


def cosinespace(start: float, end: float, steps: int) -> Space:
    """Return numbers along half a period of a cosine: slow at both ends, fast between.

    >>> [round(value, 3) for value in cosinespace(0, 1, 5)]
    [0.0, 0.146, 0.5, 0.854, 1.0]

    Args:
        start: The first value.
        end: The last value.
        steps: How many values there are.

    Returns:
        A lazy sequence, which can be gone through again and again.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *start* or *end* is not finite, or *steps* is less than 1.
    """
    return _Cosine(start, end, steps)


def expspace(start: float, end: float, steps: int) -> Space:
    """Return numbers that grow or shrink by the same factor with each step.

    It is how learning rates of several orders of magnitude are gone through, as in a range test.

    >>> list(expspace(1, 100, 3))
    [1.0, 10.0, 100.0]

    Args:
        start: The first value.
        end: The last value.
        steps: How many values there are.

    Returns:
        A lazy sequence, which can be gone through again and again.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *start* or *end* is not finite or is zero, they have different signs or are too
            far apart for a float, or *steps* is less than 1.
    """
    return _Exponential(start, end, steps)


def polyspace(start: float, end: float, steps: int, *, power: float = 2.0) -> Space:
    """Return numbers whose distance from *end* shrinks as a power of the steps left.

    After a part *p* of the steps, ``(1 - p) ** power`` of the way is left: with more than 1 it is
    fast at first and slow at the end, with less than 1 the other way round. Down to zero it is
    the schedule of `torch.optim.lr_scheduler.PolynomialLR`.

    >>> list(polyspace(1, 0, 5))
    [1.0, 0.5625, 0.25, 0.0625, 0.0]

    Args:
        start: The first value.
        end: The last value.
        steps: How many values there are.
        power: The exponent; 1 is a straight line.

    Returns:
        A lazy sequence, which can be gone through again and again.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *start* or *end* is not finite, *power* is not positive and finite, or *steps*
            is less than 1.
    """
    return _Polynomial(start, end, steps, power)


def constant(value: float, steps: int) -> Space:
    """Return the same number for each step; it gives a `Phase` its length.

    >>> list(constant(0.1, 3))
    [0.1, 0.1, 0.1]

    Args:
        value: The number.
        steps: How often it comes.

    Returns:
        A lazy sequence, which can be gone through again and again.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *value* is not finite, or *steps* is less than 1.
    """
    return _Constant(value, steps)
