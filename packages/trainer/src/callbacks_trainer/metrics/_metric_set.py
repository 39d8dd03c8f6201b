# SPDX-License-Identifier: MIT
"""The metrics of a model, under their names."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor

from callbacks_core import Scalar

from ._metric import Accumulating
from ._names import name_of, named_metric, refuse_reserved, without_duplicates

if TYPE_CHECKING:
    import torchmetrics

AnyMetric: TypeAlias = "Callable[..., Any] | Accumulating | torchmetrics.Metric"
MetricLike: TypeAlias = "str | AnyMetric | tuple[str | Sequence[str], str | AnyMetric]"


class MetricSet:
    """Batch metrics, averaged over the examples, and epoch metrics, which add up by themselves.

    Args:
        batch_metrics: Called with the prediction and the truth of each batch. One that has
            ``update``, ``compute`` and ``reset`` too gives the epoch's value itself.
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
        batch, epoch = (
            [_named(metric, argument) for metric in _listed(metrics, argument)]
            for argument, metrics in (
                ("batch_metrics", batch_metrics),
                ("epoch_metrics", epoch_metrics),
            )
        )
        names = without_duplicates(name for name, _ in batch + epoch)
        metrics = [(name, metric) for name, (_, metric) in zip(names, batch + epoch, strict=True)]
        self._batch, self._epoch = metrics[: len(batch)], metrics[len(batch) :]
        self._adding_up = [named for named in metrics if isinstance(named[1], Accumulating)]
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
        functions = [metric for _, metric in self._batch if not isinstance(metric, Accumulating)]
        kept = {id(metric): metric for metric in functions}  # one may be a method of the network
        other = copy.deepcopy(self, kept)
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
                _add(values, name, metric(y_pred, y_true))
            for _, metric in self._epoch:
                metric.update(y_pred, y_true)
        return values

    def compute(self) -> dict[str, Scalar]:
        """Return the values, over all batches, of the metrics that add up by themselves."""
        values: dict[str, Scalar] = {}
        for name, metric in self._adding_up:
            _add(values, name, metric.compute())
        return values


def _listed(metrics: Iterable[MetricLike] | None, argument: str) -> list[Any]:
    if metrics is None:
        return []
    if isinstance(metrics, Mapping):
        raise TypeError(
            f"`{argument}` must be a list, in which (name, metric) names a metric, not {metrics!r}"
        )
    if isinstance(metrics, str | Accumulating) or not isinstance(metrics, Iterable):
        return [metrics]  # a MetricCollection can be iterated over, and is one metric
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
        given, metric = given or metric, named_metric(metric)
    if isinstance(metric, type):
        raise TypeError(
            f"`{argument}` has the class {metric.__name__}, not an instance of it: "
            f"write {metric.__name__}(...)"
        )
    if argument == "epoch_metrics" and not isinstance(metric, Accumulating):
        raise TypeError(
            f"an epoch metric needs update, compute and reset, which {metric!r} has not; "
            f"for a plain function there is batch_metrics"
        )
    if argument == "batch_metrics" and not callable(metric):
        raise TypeError(
            f"`batch_metrics` must hold functions, torchmetrics objects or names, not {metric!r}"
        )
    return given or name_of(metric), metric


def _add(values: dict[str, Scalar], name: str | list[str], result: Any) -> None:
    """Add what the metric *name* returned to *values*."""
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
    several = list(result)
    if len(several) != len(name):
        raise ValueError(
            f"a metric has the names {name!r}, but returned {len(several)} values: {several!r}"
        )
    return dict(zip(name, several, strict=True))


def _scalar(name: str, value: Any) -> Scalar:
    if isinstance(value, Tensor):
        return value
    if getattr(value, "shape", None) == ():
        number: float = value.item()  # NumPy's, which JSON does not know
        return number
    if isinstance(value, float | int):
        return value
    raise ValueError(
        f"the metric {name!r} must return a number, not {value!r}; one that returns several "
        f'needs as many names: (["one", "two"], metric)'
    )
