# SPDX-License-Identifier: MIT
"""The base class of metrics that add up over an epoch."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from callbacks_core import Scalar

if TYPE_CHECKING:
    from typing import Self

MetricResult: TypeAlias = "Scalar | Sequence[Scalar] | Mapping[str, Scalar]"
State: TypeAlias = dict[str, Any]


class Metric(ABC):
    """A metric that cannot be had by averaging over batches, such as a rank correlation.

    Derive from `SummingMetric` where sums over the examples tell the value, and from
    `GatheringMetric` where all predictions are needed: both know how to be saved, and how to be put
    together from several processes. From this class derive for something else altogether; keep
    what is added up on its device, as the loop reads `compute` once an epoch. An object of
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

    def blank(self) -> Self:
        """Return a metric like this one that has seen no batch."""
        other = copy.deepcopy(self)
        other.reset()
        return other


@runtime_checkable
class Accumulating(Protocol):
    """What `Metric` and torchmetrics have in common."""

    def update(self, y_pred: Any, y_true: Any) -> Any:
        """Add a batch."""

    def compute(self) -> Any:
        """Return the value over all batches since `reset`."""

    def reset(self) -> Any:
        """Forget all batches."""


@runtime_checkable
class Mergeable(Accumulating, Protocol):
    """A metric that can be put together from what several processes have added up."""

    def state_dict(self) -> State:
        """Return what was added up: plain types and tensors."""

    def load_state_dict(self, state: State) -> Any:
        """Continue from what `state_dict` or `merge` returned."""

    def merge(self, states: Sequence[State]) -> State:
        """Return the state of a metric that has seen the batches of all *states*."""
