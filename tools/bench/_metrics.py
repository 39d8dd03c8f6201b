# SPDX-License-Identifier: MIT
"""What metrics cost a step, beside the same ones of torchmetrics."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassCohenKappa,
    MulticlassF1Score,
)

from callbacks_trainer.metrics import MetricSet

_CLASSES = 10
_THEIRS: dict[str, Callable[[], Metric]] = {
    "accuracy": lambda: MulticlassAccuracy(_CLASSES, average="micro", validate_args=False),
    "f1": lambda: MulticlassF1Score(_CLASSES, validate_args=False),
    "cohen_kappa": lambda: MulticlassCohenKappa(_CLASSES, validate_args=False),
}


class Cost(NamedTuple):
    """What a metric costs a step."""

    batch_us: float
    """Microseconds, as a batch metric."""
    batch_ratio: float
    """In relation to torchmetrics."""
    epoch_us: float
    """Microseconds, as an epoch metric."""
    epoch_ratio: float
    """In relation to torchmetrics."""


def measure(*, rounds: int = 15, steps: int = 200) -> dict[str, Cost]:
    """Return the costs of metrics by name, with batches of 32 examples of ten classes.

    Those of torchmetrics are told not to look at the values that they are given.
    """
    torch.manual_seed(0)
    batch = torch.randn(32, _CLASSES), torch.randint(0, _CLASSES, (32,))
    costs = {}
    for name, make in _THEIRS.items():
        per_batch = _times(MetricSet([name]), MetricSet([make()]), batch, rounds, steps)
        per_epoch = _times(MetricSet(None, [name]), MetricSet(None, [make()]), batch, rounds, steps)
        costs[name] = Cost(*per_batch, *per_epoch)
    return costs


def _times(
    ours: MetricSet, theirs: MetricSet, batch: tuple[Tensor, Tensor], rounds: int, steps: int
) -> tuple[float, float]:
    pairs = [(_seconds(ours, batch, steps), _seconds(theirs, batch, steps)) for _ in range(rounds)]
    return (
        1e6 * median(own for own, _ in pairs) / steps,
        median(own / other for own, other in pairs),
    )


def _seconds(metrics: MetricSet, batch: tuple[Tensor, Tensor], steps: int) -> float:
    metrics.reset()
    begin = perf_counter()
    for _ in range(steps):
        metrics.update(*batch)
    return perf_counter() - begin
