# SPDX-License-Identifier: MIT
"""Scores that tell how well classes are found: F1, precision, recall and their kin.

All of them are worked out from three counts for each class. They are not left to torchmetrics, as
its counting (``torch.bincount``) waits for the device in every step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Literal, TypeAlias, get_args

import torch
from torch import Tensor

from callbacks_core import one_of

from ._labels import require_known, require_same_shape, require_scores
from ._summing import SummingMetric

Average: TypeAlias = Literal["macro", "micro", "weighted"]
Total: TypeAlias = "Tensor | int"
AVERAGES: Final[tuple[Average, ...]] = get_args(Average)


def _f1(right: Tensor, predicted: Tensor, true: Tensor, total: Total) -> Tensor:
    return _ratio(2 * right, predicted + true)


def _precision(right: Tensor, predicted: Tensor, true: Tensor, total: Total) -> Tensor:
    return _ratio(right, predicted)


def _recall(right: Tensor, predicted: Tensor, true: Tensor, total: Total) -> Tensor:
    return _ratio(right, true)


def _jaccard(right: Tensor, predicted: Tensor, true: Tensor, total: Total) -> Tensor:
    return _ratio(right, predicted + true - right)


def _specificity(right: Tensor, predicted: Tensor, true: Tensor, total: Total) -> Tensor:
    return _ratio(total - predicted - true + right, total - true)


SCORES: Final[dict[str, Callable[[Tensor, Tensor, Tensor, Total], Tensor]]] = {
    "f1": _f1,
    "precision": _precision,
    "recall": _recall,
    "jaccard": _jaccard,
    "specificity": _specificity,
}
"""What can be had of each class."""


class ClassScore(SummingMetric):
    """How well the classes are found, from 0 to 1.

    Args:
        score: ``"f1"``, ``"precision"``, ``"recall"``, ``"jaccard"`` (intersection over union) or
            ``"specificity"``.
        average: ``"macro"`` is the mean over the classes that occur among truths or predictions,
            ``"weighted"`` counts each as often as it is true, and ``"micro"`` takes all decisions
            together.
        ignore_index: A class that does not count.

    Raises:
        ValueError: *score* or *average* is none of these.
    """

    def __init__(
        self, score: str = "f1", *, average: Average = "macro", ignore_index: int = -100
    ) -> None:
        one_of("score", score, SCORES)
        one_of("average", average, AVERAGES)
        self.score = score
        self.average = average
        self.ignore_index = ignore_index
        self.__name__ = f"{'fscore' if score == 'f1' else score}_{average}"

    def sums(self, y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor | int]:
        """Return how often each class is right, predicted, true; and the labels out of range.

        Args:
            y_pred: Scores of shape ``(batch, classes, ...)``.
            y_true: The right classes, of shape ``(batch, ...)``.

        Raises:
            IndexError: A label is out of range, on the CPU; on another device it makes the value
                NaN.
            TypeError: The labels are no whole numbers.
            ValueError: The shapes do not fit.
        """
        return class_counts(self.score, y_pred, y_true, self.ignore_index)

    def value(self, counts: Tensor, unknown: Tensor | int) -> Tensor:
        """Return the score; NaN when nothing counts, or for a label out of range."""
        right, predicted, true = counts
        score, total = SCORES[self.score], true.sum()
        if self.average == "micro":
            decisions = total * len(true)
            found = score(right.sum(), predicted.sum(), total, decisions)
        else:
            weight = (predicted + true > 0) if self.average == "macro" else true
            found = (score(right, predicted, true, total) * weight).sum() / weight.sum()
        return _known(found, total, unknown)


class BinaryScore(SummingMetric):
    """How well the one class that matters is found, from 0 to 1.

    Args:
        score: As in `ClassScore`.
        threshold: A score above it means yes: 0 for logits, 0.5 for probabilities.

    Raises:
        ValueError: *score* is none that there is.
    """

    def __init__(self, score: str = "f1", *, threshold: float = 0.0) -> None:
        one_of("score", score, SCORES)
        self.score = score
        self.threshold = threshold
        self.__name__ = f"bin_{'fscore' if score == 'f1' else score}"

    def sums(self, y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor, Tensor, int]:
        """Return how often yes was right, said and true, and how many answers there are.

        Raises:
            ValueError: The shapes differ.
        """
        require_same_shape(f"binary_{self.score}", y_pred, y_true)
        said, true = y_pred > self.threshold, y_true > 0.5
        return (said & true).sum(), said.sum(), true.sum(), y_pred.numel()

    def value(self, right: Tensor, said: Tensor, true: Tensor, total: int) -> Tensor:
        """Return the score."""
        return SCORES[self.score](right, said, true, total)


class Agreement(SummingMetric):
    """How far predictions and truths agree beyond chance, at most 1.

    Args:
        kind: ``"cohen_kappa"``, or ``"matthews_corrcoef"``, the correlation of the two
            (Gorodkin, "Comparing two K-category assignments by a K-category correlation
            coefficient", 2004).
        ignore_index: A class that does not count.

    Raises:
        ValueError: *kind* is neither.
    """

    def __init__(self, kind: str = "cohen_kappa", *, ignore_index: int = -100) -> None:
        one_of("kind", kind, ("cohen_kappa", "matthews_corrcoef"))
        self.kind = kind
        self.ignore_index = ignore_index
        self.__name__ = kind

    def sums(self, y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor | int]:
        """Return the counts of each class; arguments and errors are those of `ClassScore.sums`."""
        return class_counts(self.kind, y_pred, y_true, self.ignore_index)

    def value(self, counts: Tensor, unknown: Tensor | int) -> Tensor:
        """Return the agreement; NaN when nothing counts, or for a label out of range."""
        total = counts[2].sum()
        right, predicted, true = _real(counts) / total
        agreed, by_chance = right.sum(), (predicted * true).sum()
        if self.kind == "cohen_kappa":
            scale = 1 - by_chance
        else:
            scale = ((1 - predicted.square().sum()) * (1 - true.square().sum())).sqrt()
        found = (agreed - by_chance) / scale
        return _known(found.masked_fill(scale <= 0, 0.0), total, unknown)


def class_counts(
    metric: str, y_pred: Tensor, y_true: Tensor, ignore_index: int
) -> tuple[Tensor, Tensor | int]:
    """Return for each class how often it is right, predicted, true; and the labels out of range.

    See `ClassScore.sums` for the arguments and the errors. The counts have the shape
    ``(3, classes)``. On the CPU no label out of range comes so far.
    """
    require_scores(metric, y_pred, y_true)
    if y_true.is_floating_point():
        raise TypeError(f"{metric} needs labels that are whole numbers, not {y_true.dtype}")
    require_known(metric, y_pred, y_true, ignore_index)
    classes = y_pred.shape[1]
    ignored = y_true == ignore_index
    unknown: Tensor | int = 0
    if y_true.device.type != "cpu":
        beyond = ((y_true < 0) | (y_true >= classes)) & ~ignored
        ignored, unknown = ignored | beyond, beyond.sum()
    answers = y_pred.argmax(1).masked_fill_(ignored, classes)  # one more, which is thrown away
    labels = y_true.long().masked_fill(ignored, classes)
    right = labels.masked_fill(labels != answers, classes)
    places = torch.stack((right, answers, labels)).flatten(1)
    counts = places.new_zeros(3, classes + 1)
    counts.scatter_add_(1, places, places.new_ones(()).expand_as(places))
    return counts[:, :classes], unknown


def _known(found: Tensor, total: Tensor, unknown: Tensor | int) -> Tensor:
    return found.masked_fill((total == 0) | (unknown > 0), math.nan)


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    return _real(part) / whole.clamp(min=1)  # none of none is 0


def _real(counts: Tensor) -> Tensor:
    return counts.float() if counts.device.type == "mps" else counts.double()
