# SPDX-License-Identifier: MIT
"""Functions of scikit-learn as metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from callbacks_core import Scalar

from ..convert import torch_apply, torch_to_numpy
from ._gathering import GatheringMetric


class SKLearnMetrics(GatheringMetric):
    """Functions of scikit-learn, over all predictions of an epoch.

    ``epoch_metrics=[SKLearnMetrics(roc_auc_score, kwargs={"average": "macro"})]``

    Each is called with the truth and the prediction as arrays: with what the network returns, so
    that a function of classes needs one's own round it:
    ``lambda y_true, y_pred: f1_score(y_true, y_pred.argmax(1))``. A truth that is a pair
    ``(y_true, sample_weight)`` brings the weights of the examples along. scikit-learn itself is
    not imported here.

    Args:
        funcs: A function ``(y_true, y_pred, **kwargs)`` that returns a number, or several.
        kwargs: Further arguments: a mapping; with several functions a mapping, or None, for each.
        names: The name in the logs, or a name for each function; by default the functions' own.

    Raises:
        TypeError: Something is no function, no mapping or no name.
        ValueError: There are more or fewer arguments or names than functions, or no function.
    """

    def __init__(
        self,
        funcs: Callable[..., Any] | Sequence[Callable[..., Any]],
        kwargs: Mapping[str, Any] | Sequence[Mapping[str, Any] | None] | None = None,
        names: str | Sequence[str] | None = None,
    ) -> None:
        several = isinstance(funcs, Sequence) and not isinstance(funcs, str)
        self.functions = _listed("funcs", funcs, several, callable, "a function")
        count = len(self.functions)
        if not count:
            raise ValueError("`funcs` must have one function at least")
        given = [None] * count if kwargs is None else kwargs
        single = kwargs is not None and not several
        arguments = _listed("kwargs", given, not single, _is_arguments, "a mapping", count)
        self.kwargs = [dict(item or {}) for item in arguments]
        own = [_name_of(function) for function in self.functions]
        chosen = own if names is None else names
        self._names = _listed(
            "names", chosen, not isinstance(chosen, str), _is_name, "a name", count
        )
        self.__name__: str | list[str] = self._names if several else self._names[0]

    def value(self, y_pred: Any, y_true: Any) -> Scalar | list[Scalar]:
        """Return the value of the function, or those of all functions in a list."""
        weighted = isinstance(y_true, tuple | list) and len(y_true) == 2
        truth, weight = y_true if weighted else (y_true, None)
        arrays = [torch_to_numpy(torch_apply(part, _known)) for part in (truth, y_pred)]
        weights = {} if weight is None else {"sample_weight": torch_to_numpy(weight)}
        values = [
            _called(function, arrays, {**weights, **kwargs})
            for function, kwargs in zip(self.functions, self.kwargs, strict=True)
        ]
        return values if isinstance(self.__name__, list) else values[0]


def is_of_sklearn(function: object) -> bool:
    """Whether *function* is one of scikit-learn's, told by its module alone."""
    while isinstance(function, partial):
        function = function.func
    return callable(function) and str(getattr(function, "__module__", "")).startswith("sklearn.")


def _called(function: Callable[..., Any], arrays: list[Any], kwargs: dict[str, Any]) -> Any:
    try:
        return function(*arrays, **kwargs)
    except (TypeError, ValueError) as error:
        shapes = " and ".join(str(getattr(array, "shape", type(array))) for array in arrays)
        error.add_note(f"{_name_of(function)} was given a truth and a prediction of {shapes}")
        raise


def _listed(
    argument: str,
    value: Any,
    several: bool,
    fits: Callable[[Any], bool],
    kind: str,
    count: int | None = None,
) -> list[Any]:
    if several and (isinstance(value, Mapping) or not isinstance(value, Sequence)):
        raise TypeError(f"`{argument}` must be {kind} for each function, not {value!r}")
    items = list(value) if several else [value]
    for item in items:
        if not fits(item):
            raise TypeError(f"`{argument}` must be {kind}, or a list with one each, not {item!r}")
    if count is not None and len(items) != count:
        raise ValueError(
            f"`{argument}` must have one entry for each of the {count} functions, not {len(items)}"
        )
    return items


def _is_arguments(value: object) -> bool:
    return value is None or isinstance(value, Mapping)


def _is_name(value: object) -> bool:
    return isinstance(value, str)


def _name_of(function: Any) -> str:
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def _known(tensor: Tensor) -> Tensor:
    """Return *tensor* in a type that NumPy has."""
    return tensor.float() if tensor.dtype == torch.bfloat16 else tensor
