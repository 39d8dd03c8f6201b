# SPDX-License-Identifier: MIT
"""What metrics return, under the names in the logs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from callbacks_core import Scalar

from ._names import refuse_reserved


def add_result(
    values: dict[str, Scalar], name: str | list[str], result: Any, mapped: set[str]
) -> None:
    """Add what the metric *name* returned to *values*.

    Args:
        values: The values so far.
        name: The metric's name, or the names of its several values.
        result: A number, or several, or a mapping.
        mapped: Gets the keys of a mapping.

    Raises:
        ValueError: *result* does not fit the names, is no number, or has a name that is taken.
    """
    if isinstance(result, Mapping):
        mapped.update(result)
    for key, value in _by_name(name, result).items():
        if key in values:
            raise ValueError(f"two metrics return a value called {key!r}; the second is {name!r}")
        values[key] = _scalar(key, value)


def _by_name(name: str | list[str], result: Any) -> Mapping[str, Any]:
    if isinstance(result, Mapping):
        for key in result:
            refuse_reserved(key)
        return result
    if isinstance(name, str):
        return {name: result}
    if isinstance(result, float) and math.isnan(result):
        return dict.fromkeys(name, result)  # there was no batch
    try:
        several = list(result)
    except TypeError:
        raise ValueError(
            f"a metric has the names {name!r}, but returned a single value: {result!r}"
        ) from None
    if len(several) != len(name):
        raise ValueError(
            f"a metric has the names {name!r}, but returned {len(several)} values: {several!r}"
        )
    return dict(zip(name, several, strict=True))


def _scalar(name: str, value: Any) -> Scalar:
    if isinstance(value, Tensor):
        if value.numel() == 1:
            return value
        raise ValueError(
            f"the metric {name!r} must be a scalar, not a tensor of shape {tuple(value.shape)}; "
            f'take its mean(), or give each value a name: (["one", "two"], metric)'
        )
    if getattr(value, "shape", None) == ():
        number: float = value.item()  # NumPy's, which JSON does not know
        return number
    if isinstance(value, float | int):
        return value
    raise ValueError(
        f"the metric {name!r} must return a number, not {value!r}; one that returns several "
        f'needs as many names: (["one", "two"], metric)'
    )
