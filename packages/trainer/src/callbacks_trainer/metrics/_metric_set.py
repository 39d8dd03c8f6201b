# SPDX-License-Identifier: MIT
"""The metrics of a model, under their names."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from callbacks_core import Scalar, is_rank_zero

from ._given import MetricLike, listed_metrics, named
from ._metric import Accumulating, Mergeable, Metric, State
from ._names import without_duplicates
from ._ranks import computed_together, is_alone
from ._results import add_result
from ._state import is_torchmetrics, load_state, state_of


class MetricSet:
    """Batch metrics, averaged over the examples, and epoch metrics, which add up by themselves.

    Args:
        batch_metrics: Called with the prediction and the truth of each batch. One that has
            ``update``, ``compute`` and ``reset`` too gives the epoch's value itself.
        epoch_metrics: Objects with ``update``, ``compute`` and ``reset``, or functions of
            scikit-learn.

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
            [named(metric, argument) for metric in listed_metrics(metrics, argument)]
            for argument, metrics in (
                ("batch_metrics", batch_metrics),
                ("epoch_metrics", epoch_metrics),
            )
        )
        names = without_duplicates(name for name, _ in batch + epoch)
        metrics = [(name, metric) for name, (_, metric) in zip(names, batch + epoch, strict=True)]
        self._batch, self._epoch = metrics[: len(batch)], metrics[len(batch) :]
        self._adding_up = [named for named in metrics if isinstance(named[1], Accumulating)]
        self._mapped: set[str] = set()
        self._known_nan: set[str] = set()
        self.names = [
            name for entry in names for name in ([entry] if isinstance(entry, str) else entry)
        ]

    @property
    def of_batches(self) -> list[Any]:
        """The batch metrics, in their order."""
        return [metric for _, metric in self._batch]

    @property
    def of_epochs(self) -> list[Any]:
        """The epoch metrics, in their order."""
        return [metric for _, metric in self._epoch]

    def __bool__(self) -> bool:
        """Whether there is any metric."""
        return bool(self._batch or self._epoch)

    def fresh(self) -> MetricSet:
        """Return a set like this one that has seen no batch, to be used beside it."""
        if not self._adding_up:
            return self
        functions = [metric for _, metric in self._batch if not isinstance(metric, Accumulating)]
        kept: dict[int, Any] = {id(metric): metric for metric in functions}
        # A function may be a method of the network, and a metric may hold an epoch's predictions.
        kept |= {id(own): own.blank() for _, own in self._adding_up if isinstance(own, Metric)}
        kept[id(self._known_nan)] = self._known_nan
        other = copy.deepcopy(self, kept)
        other.reset()
        return other

    def to(self, device: torch.device) -> None:
        """Move the metrics that are modules."""
        for _, metric in (*self._batch, *self._epoch):
            if isinstance(metric, torch.nn.Module):
                metric.to(device)

    def reset(self) -> None:
        """Forget all batches.

        Raises:
            TypeError: A metric cannot be put together from the several processes that there are.
        """
        if not is_alone():
            self._require_mergeable()
        for _, metric in self._adding_up:
            metric.reset()

    def _require_mergeable(self) -> None:
        for name, metric in self._adding_up:
            if not isinstance(metric, Mergeable) and not is_torchmetrics(metric):
                raise TypeError(
                    f"the metric {name!r} cannot be put together from several processes: derive "
                    f"{type(metric).__name__} from SummingMetric or GatheringMetric, give it "
                    f"state_dict(), load_state_dict(state) and merge(states), or use torchmetrics"
                )

    def update(self, y_pred: Any, y_true: Any) -> dict[str, Scalar]:
        """Add a batch and return the values of its batch metrics."""
        values: dict[str, Scalar] = {}
        with torch.no_grad():
            for name, metric in self._batch:
                result = metric(y_pred, y_true)
                if result.__class__ is Tensor and name.__class__ is str and name not in values:
                    values[name] = result  # the usual case, in every step's way
                else:
                    add_result(values, name, result, self._mapped)
            for _, metric in self._epoch:
                metric.update(y_pred, y_true)
        return values

    def compute(self) -> dict[str, Scalar]:
        """Return the values, over all batches, of the metrics that add up by themselves.

        Under several processes these are the values over the batches of all. This is the one
        place where metrics are exchanged, in the same order everywhere, so each process must come
        here once a pass, with or without a batch of its own. Those of torchmetrics see to it by
        themselves; all others travel together.

        Raises:
            ValueError: A metric returned no number, or more numbers than it has names.
        """
        ours = [] if is_alone() else [own for _, own in self._adding_up if _is_ours(own)]
        together = dict(zip(map(id, ours), computed_together(ours), strict=True)) if ours else {}
        values: dict[str, Scalar] = {}
        for name, metric in self._adding_up:
            result = together[id(metric)] if id(metric) in together else metric.compute()
            add_result(values, name, result, self._mapped)
        return values

    def warn_of_nan(self, *several: Mapping[str, float]) -> None:
        """Warn, once for each metric, that its value is not a number.

        Args:
            *several: Logs that have been read, with or without a prefix to their names.
        """
        known = self._mapped.union(self.names)
        for name, value in ((name, logs[name]) for logs in several for name in logs):
            metric = name.removeprefix("val_").removeprefix("test_")
            if value == value or metric not in known or metric in self._known_nan:
                continue
            self._known_nan.add(metric)
            if is_rank_zero():
                warnings.warn(
                    f"the metric {name!r} is NaN, and is logged so: was there nothing to count, a "
                    f"division by zero, a label out of range, or has the training diverged?",
                    stacklevel=3,
                )

    def state_dict(self) -> State:
        """Return what the metrics have added up, by their names: plain types and tensors.

        A metric of one's own takes part if it has a ``state_dict``.
        """
        states = {_key(name): state_of(metric) for name, metric in self._adding_up}
        return {name: state for name, state in states.items() if state is not None}

    def load_state_dict(self, state: State) -> None:
        """Continue from what `state_dict` returned; other metrics begin anew."""
        for name, metric in self._adding_up:
            if _key(name) in state:
                load_state(metric, state[_key(name)])
            else:
                metric.reset()


def _is_ours(metric: object) -> bool:
    return isinstance(metric, Mergeable) and not is_torchmetrics(metric)


def _key(name: str | list[str]) -> str:
    return name if isinstance(name, str) else ",".join(name)
