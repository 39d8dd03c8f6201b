# SPDX-License-Identifier: MIT
"""The metrics of a model, under their names."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from callbacks_core import Scalar

from ._metric import Accumulating
from ._names import name_of, named_metric, without_duplicates

if TYPE_CHECKING:
    import torchmetrics

AnyMetric: TypeAlias = "Callable[..., Any] | Accumulating | torchmetrics.Metric"
MetricLike: TypeAlias = "str | AnyMetric | tuple[str | Sequence[str], str | AnyMetric]"


class MetricSet:
    """Batch metrics, averaged over the examples, and epoch metrics, which add up by themselves.

    Args:
        batch_metrics: Called with the prediction and the truth of each batch. One that has
            ``compute`` and ``reset`` too gives the epoch's value itself.
        epoch_metrics: Objects with ``update``, ``compute`` and ``reset``.

    Raises:
        TypeError: Something is no metric.
        ValueError: A name is unknown or taken.

    Attributes:
        names: The names in the logs, batch metrics first. A metric that returns a mapping adds
            the mapping's own keys instead.
    """

    def __init__(
        self,
        batch_metrics: Iterable[MetricLike] | None = None,
        epoch_metrics: Iterable[MetricLike] | None = None,
    ) -> None:
        batch = [_named(metric, "batch_metrics") for metric in _listed(batch_metrics)]
        epoch = [_named(metric, "epoch_metrics") for metric in _listed(epoch_metrics)]
        for _, metric in epoch:
            if not isinstance(metric, Accumulating):
                raise TypeError(
                    f"an epoch metric needs update, compute, reset and forward, which {metric!r} "
                    f"has not; for a plain function there is batch_metrics"
                )
        names = without_duplicates(name for name, _ in batch + epoch)
        metrics = [metric for _, metric in batch + epoch]
        self._batch = list(zip(names, metrics, strict=True))[: len(batch)]
        self._epoch = list(zip(names, metrics, strict=True))[len(batch) :]
        self._adding_up = [
            (name, metric)
            for name, metric in (*self._batch, *self._epoch)
            if isinstance(metric, Accumulating)
        ]
        self.names = [
            name for entry in names for name in ([entry] if isinstance(entry, str) else entry)
        ]

    def __bool__(self) -> bool:
        """Whether there is any metric."""
        return bool(self._batch or self._epoch)

    def fresh(self) -> MetricSet:
        """Return a set like this one that has seen no batch, to be used beside it."""
        if not self._adding_up:
            return self
        other = copy.deepcopy(self)
        other.reset()
        return other

    def to(self, device: torch.device) -> None:
        """Move the metrics that are modules."""
        for _, metric in (*self._batch, *self._epoch):
            if isinstance(metric, torch.nn.Module):
                metric.to(device)

    def reset(self) -> None:
        """Forget all batches."""
        for _, metric in self._adding_up:
            metric.reset()

    def update(self, y_pred: Any, y_true: Any) -> dict[str, Scalar]:
        """Add a batch and return the values of its batch metrics."""
        values: dict[str, Scalar] = {}
        with torch.no_grad():
            for name, metric in self._batch:
                values.update(_by_name(name, metric(y_pred, y_true)))
            for _, metric in self._epoch:
                metric.update(y_pred, y_true)
        return values

    def compute(self) -> dict[str, Scalar]:
        """Return the values, over all batches, of the metrics that add up by themselves."""
        values: dict[str, Scalar] = {}
        for name, metric in self._adding_up:
            values.update(_by_name(name, metric.compute()))
        return values


def _listed(metrics: Iterable[MetricLike] | None) -> list[Any]:
    if metrics is None:
        return []
    if isinstance(metrics, str) or not isinstance(metrics, Iterable):
        return [metrics]
    return list(metrics)


def _named(metric: Any, argument: str) -> tuple[str | list[str], Any]:
    given: str | list[str] | None = None
    if isinstance(metric, tuple):
        if len(metric) != 2:
            raise TypeError(f"a named metric in `{argument}` is (name, metric), not {metric!r}")
        given, metric = metric
        if not isinstance(given, str):
            given = [str(name) for name in given or ()]
    if isinstance(metric, str):
        return given or metric, named_metric(metric)
    if isinstance(metric, type):
        raise TypeError(
            f"`{argument}` has the class {metric.__name__}, not an instance of it: "
            f"write {metric.__name__}(...)"
        )
    if not callable(metric) and isinstance(metric, Accumulating):
        return given or name_of(metric), _Called(metric) if argument == "batch_metrics" else metric
    if not callable(metric):
        raise TypeError(
            f"`{argument}` must hold functions, torchmetrics objects or names, not {metric!r}"
        )
    return given or name_of(metric), metric


class _Called:
    """Makes a `Metric` callable, as torchmetrics objects are."""

    def __init__(self, metric: Accumulating) -> None:
        self.update = metric.update
        self.compute = metric.compute
        self.reset = metric.reset
        self.forward = metric.forward

    def __call__(self, y_pred: Any, y_true: Any) -> Any:
        """Add a batch and return its value."""
        return self.forward(y_pred, y_true)


def _by_name(name: str | list[str], value: Any) -> dict[str, Scalar]:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(name, str):
        return {name: value}
    values = list(value)
    if len(values) != len(name):
        raise ValueError(
            f"a metric has the names {name!r}, but returned {len(values)} values: {values!r}"
        )
    return dict(zip(name, values, strict=True))
