# SPDX-License-Identifier: MIT
"""Numbers of seconds, checked."""

from __future__ import annotations

from math import inf


def check_seconds(argument: str, value: object, *, zero: bool = False) -> None:
    """Raise unless *value* is a finite number of seconds.

    Args:
        argument: The argument's name, for the message.
        value: What was given.
        zero: Whether zero is accepted.

    Raises:
        TypeError: It is no number.
        ValueError: It is negative, not finite, or zero where that is not accepted.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"`{argument}` must be a number of seconds, not {value!r}")
    if not 0 <= value < inf or (value == 0 and not zero):
        least = "zero or more" if zero else "more than zero"
        raise ValueError(f"`{argument}` must be {least}, and finite, not {value!r}")
