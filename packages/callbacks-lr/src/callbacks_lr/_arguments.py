# SPDX-License-Identifier: MIT
"""Checks of what schedulers are made with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import partial, wraps
from numbers import Real
from types import FunctionType, MethodType
from typing import Any, Concatenate, ParamSpec, TypeVar

from torch.optim import Optimizer

from callbacks_core import whole_number

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


def numbers(argument: str, value: object, *, at_least: float = -math.inf) -> int:
    """Raise unless *value* is such a number, or a list of one for each parameter group.

    Returns:
        How many parameter groups it is made for; 1 for a plain number, which does for any.

    Raises:
        TypeError: It is neither.
        ValueError: One is too small, infinite or NaN, or the list is empty.
    """
    if not isinstance(value, list | tuple):
        number(argument, value, at_least=at_least)
        return 1
    if not value:
        raise ValueError(f"`{argument}` must have a value for each parameter group, not none")
    for one in value:
        number(argument, one, at_least=at_least)
    return len(value)


def between(argument: str, value: object, low: float, high: float, *, above: bool = False) -> None:
    """Raise unless *value* is from *low* to *high*, and with *above* more than *low*.

    Raises:
        TypeError: It is no number.
        ValueError: It is out of this range, infinite or NaN.
    """
    number(argument, value)
    if not low <= value <= high or (above and value == low):  # type: ignore[operator]  # a number
        start = f"more than {low:g}" if above else f"at least {low:g}"
        end = f" and at most {high:g}" if high < math.inf else ""
        raise ValueError(f"`{argument}` must be {start}{end}, not {value!r}")


def functions(argument: str, value: object) -> int:
    """Raise unless *value* can be called, or is a list of such, one for each parameter group.

    Returns:
        How many parameter groups it is made for; 1 for a plain function, which does for any.

    Raises:
        TypeError: It cannot be called.
        ValueError: The list is empty.
    """
    listed = value if isinstance(value, list | tuple) else [value]
    if not listed:
        raise ValueError(f"`{argument}` must have a function for each parameter group, not none")
    for function in listed:
        if not callable(function):
            raise TypeError(f"`{argument}` must be a function, not {function!r}")
    return len(listed)


def own_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return *function* for one scheduler of torch's, which saves its ``__dict__``.

    An object that can be called is copied, so that each training begins with it as it was given;
    a built-in function, which has no ``__dict__``, is wrapped.
    """
    if isinstance(function, FunctionType | MethodType | partial):
        return function
    if hasattr(function, "__dict__"):
        return deepcopy(function)
    return lambda *arguments: function(*arguments)


def in_order(argument: str, values: object, *, at_least: int, strictly: bool) -> list[int]:
    """Return *values* as a list of whole numbers that go up.

    Raises:
        TypeError: It is no list of whole numbers.
        ValueError: One is too small, or they are out of order.
    """
    if not isinstance(values, Iterable) or isinstance(values, str):
        raise TypeError(f"`{argument}` must be a list of whole numbers, not {values!r}")
    listed = list(values)
    for value in listed:
        whole_number(argument, value, at_least=at_least)
    if listed != sorted(listed):
        raise ValueError(f"`{argument}` must be in ascending order, not {listed}")
    if strictly and len(set(listed)) < len(listed):
        raise ValueError(f"`{argument}` must differ from each other, not {listed}")
    return listed
