# SPDX-License-Identifier: MIT
"""Metrics of ``torchmetrics.functional``, over all predictions of an epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from torch import Tensor

from callbacks_core import one_of

from ._gathering import GatheringMetric
from ._labels import require_known, require_same_shape
from ._metric import MetricResult

CLASSIFICATION: Final = ("auroc", "average_precision", "calibration_error")
REGRESSION: Final = (
    "concordance_corrcoef",
    "explained_variance",
    "kendall_rank_corrcoef",
    "mean_squared_log_error",
    "pearson_corrcoef",
    "spearman_corrcoef",
    "symmetric_mean_absolute_percentage_error",
)
_IGNORED: Final = -100  # by torch's cross entropy, too


class FunctionalMetric(GatheringMetric):
    """A metric that torchmetrics works out of all predictions of an epoch together.

    Its objects judge from each batch whether scores are logits or probabilities; with all of them
    at once there is one answer. torchmetrics is imported when the first value is due.

    Args:
        function: The name of a function in ``torchmetrics.functional``.

    Raises:
        ValueError: *function* is none that is known to work by itself.
    """

    def __init__(self, function: str) -> None:
        one_of("function", function, (*CLASSIFICATION, *REGRESSION))
        self.function = function
        self.__name__ = function

    def value(self, y_pred: Tensor, y_true: Tensor) -> MetricResult:
        """Return the value.

        Args:
            y_pred: Of shape ``(batch,)`` or ``(batch, 1)`` for two classes and regressions,
                ``(batch, classes, ...)`` for more classes, ``(batch, labels)`` for several labels
                or outputs.
            y_true: Classes of shape ``(batch, ...)``; else of the prediction's shape.

        Raises:
            IndexError: A label is out of range, on the CPU.
            ValueError: The shapes do not fit.
        """
        from torchmetrics import functional  # takes a second

        function: Callable[..., MetricResult] = getattr(functional, self.function)
        y_pred = y_pred.float()
        if self.function in REGRESSION:
            require_same_shape(self.function, y_pred, y_true)
            return function(y_pred, y_true.float())
        y_pred, y_true, task = _task(self.function, y_pred, y_true)
        return function(y_pred, y_true.long(), ignore_index=_IGNORED, validate_args=False, **task)


def _task(metric: str, y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Return predictions and truths, and what torchmetrics has to be told of them."""
    if y_pred.dim() >= 2 and y_true.shape == y_pred.shape[:1] + y_pred.shape[2:]:
        if y_pred.shape[1] > 1:
            require_known(metric, y_pred, y_true, _IGNORED)
            return y_pred, y_true, {"task": "multiclass", "num_classes": y_pred.shape[1]}
        y_pred = y_pred.squeeze(1)
    require_same_shape(metric, y_pred, y_true)
    if y_pred.dim() >= 2 and y_pred.shape[1] > 1:
        return y_pred, y_true, {"task": "multilabel", "num_labels": y_pred.shape[1]}
    return y_pred.flatten(), y_true.flatten(), {"task": "binary"}
