# SPDX-License-Identifier: MIT
"""Checks of what schedulers are made with."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from numbers import Real
from typing import Concatenate, ParamSpec, TypeVar

from torch.optim import Optimizer

P = ParamSpec("P")
Self = TypeVar("Self")


def takes_no_optimizer(
    init: Callable[Concatenate[Self, P], None],
) -> Callable[Concatenate[Self, P], None]:
    """Let a constructor refuse the optimizer that torch's own class of that name begins with."""

    @wraps(init)
    def checked(self: Self, /, *args: P.args, **kwargs: P.kwargs) -> None:
        if "optimizer" in kwargs or any(isinstance(value, Optimizer) for value in args):
            name = type(self).__name__
            raise ValueError(
                f"{name} takes no optimizer, as it steps the one of the loop that it is passed "
                f"to: write {name}(...) with torch's other arguments only"
            )
        init(self, *args, **kwargs)

    return checked


def number(argument: str, value: object, *, at_least: float = -math.inf) -> None:
    """Raise unless *value* is a finite number of at least *at_least*.

    Raises:
        TypeError: It is no number.
        ValueError: It is too small, infinite or NaN.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"`{argument}` must be a number, not {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"`{argument}` must be finite, not {value!r}")
    if value < at_least:
        raise ValueError(f"`{argument}` must be at least {at_least:g}, not {value!r}")
