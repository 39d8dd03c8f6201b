# SPDX-License-Identifier: MIT
"""Metrics that sums over the examples tell."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import torch
from torch import Tensor

from ._metric import Metric, MetricResult, State

if TYPE_CHECKING:
    from typing import Self

Sum: TypeAlias = "Tensor | float"

_BATCHES: Final = 128
_ELEMENTS: Final = 2**20


class SummingMetric(Metric):
    """A metric whose value is worked out from sums over all examples.

    Its value over an epoch is that of one batch as big as the epoch, however the epoch is cut into
    batches and spread over processes: an average is weighted by what it is the average of. A batch
    costs what its sums cost: they stay on their device, and are added up many at a time, in double
    precision where the device has it.

    ::

        class Bias(SummingMetric):
            def sums(self, y_pred, y_true):
                return (y_pred - y_true).sum(), y_true.numel()

            def value(self, error, count):
                return error / count
    """

    _total: tuple[Sum, ...] | None = None
    _waiting: list[tuple[Sum, ...]] | None = None

    @abstractmethod
    def sums(self, y_pred: Any, y_true: Any) -> tuple[Sum, ...]:
        """Return what a batch adds: numbers, or tensors whose shapes are the same in each batch."""

    @abstractmethod
    def value(self, *sums: Any) -> MetricResult:
        """Return the value that sums tell, those of a batch or of all."""

    def update(self, y_pred: Any, y_true: Any) -> None:
        self._add(self.sums(y_pred, y_true))

    def forward(self, y_pred: Any, y_true: Any) -> MetricResult:
        """Add a batch and return its value."""
        sums = self.sums(y_pred, y_true)
        self._add(sums)
        return self.value(*sums)

    def _add(self, sums: tuple[Sum, ...]) -> None:
        if self._waiting is None:  # a subclass need not call __init__ or reset
            self._waiting = []
        self._waiting.append(tuple(map(_detached, sums)))
        waiting = len(self._waiting)
        if waiting >= _BATCHES or waiting * sum(map(_size, sums)) > _ELEMENTS:
            self._total, self._waiting = self._summed(), None

    def _summed(self) -> tuple[Sum, ...] | None:
        if not self._waiting:
            return self._total
        columns = zip(*self._waiting, strict=True)
        try:
            return tuple(
                _add_up(column, total)
                for column, total in zip(columns, self._total or repeat(0), strict=False)
            )
        except RuntimeError as error:
            error.add_note(f"{type(self).__name__} needs sums of the same shapes in each batch")
            raise

    def compute(self) -> MetricResult:
        """Return the value over all batches since `reset`; NaN when there was none."""
        total = self._summed()
        return math.nan if total is None else self.value(*total)

    def reset(self) -> None:
        self._total = self._waiting = None

    def blank(self) -> Self:
        kept = self._total, self._waiting
        self.reset()  # or the copy would copy what it then forgets
        try:
            return super().blank()
        finally:
            self._total, self._waiting = kept

    def state_dict(self) -> State:
        """Return the sums so far, and those of batches not yet added up.

        Those are kept apart because adding them up earlier would round differently.
        """
        total = None if self._total is None else list(self._total)
        return {"total": total, "waiting": [list(sums) for sums in self._waiting or ()]}

    def load_state_dict(self, state: State) -> None:
        """Continue from sums that `state_dict` returned."""
        self._total = None if state["total"] is None else tuple(state["total"])
        self._waiting = [tuple(sums) for sums in state["waiting"]]

    def merge(self, states: Sequence[State]) -> State:
        """Return the state of a metric that has seen the batches of all *states*."""
        totals = [state["total"] for state in states if state["total"] is not None]
        return {"total": None, "waiting": sum((state["waiting"] for state in states), totals)}


def wide(tensor: Tensor) -> torch.dtype:
    """Return the type in which to add up the values of *tensor*."""
    if not tensor.is_floating_point():
        return torch.int64
    return torch.float32 if tensor.device.type == "mps" else torch.float64


def _detached(value: Sum) -> Sum:
    return value.detach() if getattr(value, "requires_grad", False) else value  # type: ignore[union-attr]  # only a tensor has it


def _size(value: Sum) -> int:
    return value.numel() if isinstance(value, Tensor) else 1


def _add_up(column: tuple[Sum, ...], total: Sum) -> Sum:
    first = column[-1]
    if not isinstance(first, Tensor):
        return total + sum(column)
    # What was saved comes back on the CPU.
    tensors = [torch.as_tensor(value).to(first.device) for value in column]
    added = torch.stack(tensors).sum(0, dtype=wide(first))
    return added + (total.to(first.device) if isinstance(total, Tensor) else total)
