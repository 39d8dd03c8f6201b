# SPDX-License-Identifier: MIT
"""Accuracy, in percent."""

from __future__ import annotations

import torch
from torch import Tensor

from callbacks_core import whole_number

from ._labels import require_known, require_same_shape, require_scores
from ._summing import SummingMetric


def accuracy(y_pred: Tensor, y_true: Tensor, *, ignore_index: int = -100) -> Tensor:
    """Return how many examples are classified rightly, in percent.

    Given to a model as it is, this function becomes an `Accuracy`, which weighs each batch by
    what counts in it.

    Args:
        y_pred: Scores of shape ``(batch, classes, ...)``.
        y_true: The right classes, of shape ``(batch, ...)``.
        ignore_index: A class that does not count.

    Returns:
        A scalar on the device of *y_pred*, from 0 to 100; NaN when nothing counts.

    Raises:
        IndexError: A label is out of range, on the CPU; on another device it is a wrong answer.
        ValueError: The shapes do not fit.
    """
    return percent(*_right(y_pred, y_true, ignore_index))


def _right(y_pred: Tensor, y_true: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    require_scores("accuracy", y_pred, y_true)
    counts = y_true != ignore_index
    require_known("accuracy", y_pred, y_true, ignore_index)
    # sums, as indexing would wait for the device
    return ((y_pred.argmax(1) == y_true) & counts).sum(), counts.sum()


def percent(right: Tensor, count: Tensor | int) -> Tensor:
    """Return *right* of *count* in percent."""
    if right.device.type != "mps":  # it has no double precision
        right = right.double()  # or equal accuracies differ by their rounding, and one is "better"
    return right * 100.0 / count


class Accuracy(SummingMetric):
    """The share of examples that are classified rightly, in percent; see `accuracy`.

    Args:
        ignore_index: A class that does not count.
    """

    def __init__(self, *, ignore_index: int = -100) -> None:
        self.ignore_index = ignore_index

    def sums(self, y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor]:
        """Return how many are right, and how many count."""
        return _right(y_pred, y_true, self.ignore_index)

    def value(self, right: Tensor, count: Tensor) -> Tensor:
        """Return the percentage; NaN when nothing counts."""
        return percent(right, count)


class TopKAccuracy(SummingMetric):
    """The share of examples whose class is among the *k* with the highest scores, in percent.

    Args:
        k: How many classes may be named.
        ignore_index: A class that does not count.

    Raises:
        TypeError: *k* is no whole number.
        ValueError: *k* is less than 1.
    """

    def __init__(self, k: int = 5, *, ignore_index: int = -100) -> None:
        whole_number("k", k, at_least=1)
        self.k = k
        self.ignore_index = ignore_index
        self.__name__ = f"top{k}"

    def sums(self, y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor]:
        """Return how many are right, and how many count.

        Raises:
            IndexError: A label is out of range, on the CPU.
            ValueError: The shapes do not fit, or there are fewer than *k* classes.
        """
        name = self.__name__
        require_scores(name, y_pred, y_true)
        if y_pred.shape[1] < self.k:
            raise ValueError(f"{name} needs {self.k} classes or more, not {y_pred.shape[1]}")
        counts = y_true != self.ignore_index
        require_known(name, y_pred, y_true, self.ignore_index)
        named = y_pred.topk(self.k, dim=1).indices == y_true.unsqueeze(1)
        return (named.any(1) & counts).sum(), counts.sum()

    def value(self, right: Tensor, count: Tensor) -> Tensor:
        """Return the percentage; NaN when nothing counts."""
        return percent(right, count)


class BinaryAccuracy(SummingMetric):
    """The share of right yes-or-no answers, in percent.

    Args:
        threshold: A score above it means yes: 0 for logits, 0.5 for probabilities.
    """

    def __init__(self, *, threshold: float = 0.0) -> None:
        self.threshold = threshold

    def sums(self, y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, int]:
        """Return how many are right, and how many there are: one for each score."""
        require_same_shape("binary_accuracy", y_pred, y_true)
        return ((y_pred > self.threshold) == (y_true > 0.5)).sum(dtype=torch.int64), y_pred.numel()

    def value(self, right: Tensor, count: int) -> Tensor:
        """Return the percentage."""
        return percent(right, count)
