# SPDX-License-Identifier: MIT
"""The mean of values that stay on their device."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .logs import Scalar, is_tensor

if TYPE_CHECKING:
    from torch import Tensor

_CHUNK = 128
"""So many tensors are kept before they are added up: one small kernel now and then."""


class RunningMean:
    """A weighted mean that never waits for a device.

    Tensors are kept as detached references and added up many at a time, in double precision where
    the device has it. `result` is a tensor again as soon as one of the values was.
    """

    __slots__ = ("_total", "_waiting", "_weight", "_weights")

    def __init__(self) -> None:
        self._waiting: list[Scalar] = []
        self._weights: list[float] = []
        self._total: Any = 0.0
        self._weight: float = 0

    def add(self, value: Scalar, weight: float = 1) -> None:
        """Add *value*, counted *weight* times.

        Args:
            value: A number, or a tensor of one element on any device.
            weight: How often it counts: usually the number of examples in the batch.
        """
        if getattr(value, "requires_grad", False):
            value = value.detach()  # type: ignore[union-attr]  # only a tensor has the attribute
        self._waiting.append(value)
        self._weights.append(weight)
        if len(self._weights) >= _CHUNK:
            self._fold()

    def _fold(self) -> None:
        if not self._weights:
            return
        groups: dict[float, list[Tensor]] = {}
        for value, weight in zip(self._waiting, self._weights, strict=True):
            if is_tensor(value):
                groups.setdefault(weight, []).append(value.reshape(()) if value.dim() else value)
            else:
                self._total = self._total + float(value) * weight
        for weight, tensors in groups.items():  # one or two: only the last batch is smaller
            self._total = self._total + _sum(tensors) * weight
        self._weight += sum(self._weights)
        self._waiting.clear()
        self._weights.clear()

    def result(self) -> Scalar:
        """Return the mean so far, on the device where the values are; NaN when there are none."""
        self._fold()
        if not self._weight:
            return float("nan")
        mean: Scalar = self._total / self._weight
        return mean

    def state_dict(self) -> dict[str, Any]:
        """Return the sum and the weight so far, and the values not yet added up.

        Those are kept apart because adding them up earlier would round differently.
        """
        return {
            "total": self._total,
            "weight": self._weight,
            "waiting": list(self._waiting),
            "weights": list(self._weights),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""
        self._total, self._weight = state["total"], state["weight"]
        self._waiting, self._weights = list(state["waiting"]), list(state["weights"])


def _sum(tensors: list[Tensor]) -> Tensor:
    torch = sys.modules["torch"]
    wide = torch.float32 if tensors[0].device.type == "mps" else torch.float64
    with torch.no_grad():
        added: Tensor = torch.stack(tensors).sum(dtype=wide)
    return added


class RunningMeans:
    """A `RunningMean` for each name."""

    __slots__ = ("_means",)

    def __init__(self) -> None:
        self._means: dict[str, RunningMean] = {}

    def add(self, values: dict[str, Scalar], weight: float) -> None:
        """Add one value to each named mean, all with the same weight."""
        means = self._means
        for name, value in values.items():
            mean = means.get(name)
            if mean is None:
                mean = means[name] = RunningMean()
            mean.add(value, weight)

    def result(self) -> dict[str, Scalar]:
        """Return the means so far by their names, in the order in which they first came."""
        return {name: mean.result() for name, mean in self._means.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return the sums and the weights so far."""
        return {name: mean.state_dict() for name, mean in self._means.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from sums and weights."""
        self._means.clear()
        for name, mean in state.items():
            self._means[name] = RunningMean()
            self._means[name].load_state_dict(mean)
