# SPDX-License-Identifier: MIT
"""Metrics that need all predictions at once."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..convert import concatenate, detach, to_tensors
from ._metric import Metric, MetricResult, State

if TYPE_CHECKING:
    from typing import Self


class GatheringMetric(Metric):
    """A metric whose value needs all predictions of an epoch, such as an area under a curve.

    Predictions and truths are kept where they are, without a copy, until the epoch ends: on a
    GPU they need its memory. As an epoch metric it costs nothing in a step; as a batch metric it
    costs what its value costs, for each batch.

    ::

        class MedianError(GatheringMetric):
            def value(self, y_pred, y_true):
                return (y_pred - y_true).abs().median()
    """

    _kept: list[tuple[Any, Any]] | None = None

    @abstractmethod
    def value(self, y_pred: Any, y_true: Any) -> MetricResult:
        """Return the value of predictions and truths: those of a batch or of all."""

    def update(self, y_pred: Any, y_true: Any) -> None:
        if self._kept is None:  # a subclass need not call __init__ or reset
            self._kept = []
        self._kept.append((detach(y_pred), detach(y_true)))

    def forward(self, y_pred: Any, y_true: Any) -> MetricResult:
        """Add a batch and return its value."""
        self.update(y_pred, y_true)
        return self.value(detach(y_pred), detach(y_true))

    def compute(self) -> MetricResult:
        """Return the value over all batches since `reset`; NaN when there was none.

        Raises:
            RuntimeError: Predictions differ in more than the length of the batch.
        """
        if not self._kept:
            return math.nan
        try:
            y_pred, y_true = (_joined(parts) for parts in zip(*self._kept, strict=True))
        except RuntimeError as error:
            error.add_note(f"{type(self).__name__} joins the predictions of all batches")
            raise
        return self.value(y_pred, y_true)

    def reset(self) -> None:
        self._kept = None

    def blank(self) -> Self:
        kept = self._kept
        self.reset()  # or the copy would copy what it then forgets
        try:
            return super().blank()
        finally:
            self._kept = kept

    def state_dict(self) -> State:
        """Return the predictions and truths so far."""
        return {"kept": [list(pair) for pair in self._kept or ()]}

    def load_state_dict(self, state: State) -> None:
        """Continue from what `state_dict` returned."""
        self._kept = [(y_pred, y_true) for y_pred, y_true in state["kept"]]

    def merge(self, states: Sequence[State]) -> State:
        """Return the state of a metric that has seen the batches of all *states*."""
        return {"kept": [pair for state in states for pair in state["kept"]]}


def _joined(parts: Sequence[Any]) -> Any:
    """Join batches on the device of the last one, as what was saved comes back on the CPU."""
    device = getattr(parts[-1], "device", None)
    return concatenate([to_tensors(part, device) for part in parts] if device else parts)
