# SPDX-License-Identifier: MIT
"""The base class of metrics that add up over an epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

from callbacks_core import Scalar

MetricResult: TypeAlias = "Scalar | Sequence[Scalar] | Mapping[str, Scalar]"


class Metric(ABC):
    """A metric that cannot be had by averaging over batches, such as a rank correlation.

    Keep what is added up on its device; the loop reads `compute` once an epoch. An object of
    torchmetrics does as well.
    """

    @abstractmethod
    def update(self, y_pred: Any, y_true: Any) -> None:
        """Add a batch."""

    @abstractmethod
    def compute(self) -> MetricResult:
        """Return the value over all batches since `reset`: one, several, or a mapping."""

    @abstractmethod
    def reset(self) -> None:
        """Forget all batches."""

    def forward(self, y_pred: Any, y_true: Any) -> MetricResult:
        """Add a batch and return the value so far."""
        self.update(y_pred, y_true)
        return self.compute()

    def __call__(self, y_pred: Any, y_true: Any) -> MetricResult:
        """Do what `forward` does: among batch metrics, a metric is called."""
        return self.forward(y_pred, y_true)


@runtime_checkable
class Accumulating(Protocol):
    """What `Metric` and torchmetrics have in common."""

    def update(self, y_pred: Any, y_true: Any) -> Any:
        """Add a batch."""

    def compute(self) -> Any:
        """Return the value over all batches since `reset`."""

    def reset(self) -> Any:
        """Forget all batches."""
