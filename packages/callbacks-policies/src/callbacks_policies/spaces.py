# SPDX-License-Identifier: MIT
"""The values that a parameter takes, one for each step."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, overload

from callbacks_core import whole_number

from ._checks import finite


class Space(Sequence[float], ABC):
    """A sequence of numbers from *start* to *end*, worked out when one is asked for.

    It can be gone through again and again, and holds nothing but its three arguments. The first
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

    __slots__ = ("_end", "_high", "_low", "_start", "_steps")

    name: ClassVar[str]
    """The function that makes such a space."""

    def __init__(self, start: float, end: float, steps: int) -> None:
        whole_number("steps", steps, at_least=1)
        self._start, self._end = finite("start", start), finite("end", end)
        self._low, self._high = sorted((self._start, self._end))
        self._steps = steps

    @staticmethod
    @abstractmethod
    def shape(fraction: float) -> float:
        """Return how much of the way is done after *fraction* of the steps; both from 0 to 1."""

    def __len__(self) -> int:
        return self._steps

    def _at(self, index: int) -> float:
        if index == 0:
            return self._start
        if index == self._steps - 1:
            return self._end
        way = self.shape(index / (self._steps - 1))
        value = self._start + (self._end - self._start) * way
        if value > self._high:  # by rounding
            return self._high
        return self._low if value < self._low else value

    @overload
    def __getitem__(self, index: int) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> list[float]: ...
    def __getitem__(self, index: int | slice) -> float | list[float]:
        """Return the value of a step, or a list of several."""
        if isinstance(index, slice):
            return [self._at(step) for step in range(self._steps)[index]]
        return self._at(range(self._steps)[index])

    def __iter__(self) -> Iterator[float]:
        return map(self._at, range(self._steps))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Space):
            return NotImplemented
        return repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"{self.name}({self._start!r}, {self._end!r}, {self._steps})"


class _Linear(Space):
    __slots__ = ()
    name = "linspace"

    @staticmethod
    def shape(fraction: float) -> float:
        return fraction


class _Cosine(Space):
    __slots__ = ()
    name = "cosinespace"

    @staticmethod
    def shape(fraction: float) -> float:
        return (1 - math.cos(math.pi * fraction)) / 2


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
