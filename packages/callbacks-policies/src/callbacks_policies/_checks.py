# SPDX-License-Identifier: MIT
"""Checks that several constructors share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real


def number(argument: str, value: object) -> float:
    """Return *value* as a float.

    Raises:
        TypeError: It is no number.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"`{argument}` must be a number, not {value!r}")
    return float(value)


def finite(argument: str, value: object) -> float:
    """Return *value* as a float.

    Raises:
        TypeError: It is no number.
        ValueError: It is infinite or NaN.
    """
    result = number(argument, value)
    if not math.isfinite(result):
        raise ValueError(f"`{argument}` must be finite, not {value!r}")
    return result


def positive(argument: str, value: object) -> float:
    """Return *value* as a float; infinity is positive.

    Raises:
        TypeError: It is no number.
        ValueError: It is zero, negative or NaN.
    """
    result = number(argument, value)
    if not result > 0:
        raise ValueError(f"`{argument}` must be positive, not {value!r}")
    return result


def pair(argument: str, value: object) -> tuple[float, float]:
    """Return *value* as two floats.

    Raises:
        TypeError: It is not a sequence of numbers.
        ValueError: It does not hold two of them, or one is not finite.
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"`{argument}` must be two numbers, not {value!r}")
    if len(value) != 2:
        raise ValueError(f"`{argument}` must be two numbers, not {len(value)}: {value!r}")
    return finite(f"{argument}[0]", value[0]), finite(f"{argument}[1]", value[1])
