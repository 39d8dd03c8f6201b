# SPDX-License-Identifier: MIT
"""Accuracy, in percent."""

from __future__ import annotations

from torch import Tensor


def accuracy(y_pred: Tensor, y_true: Tensor, *, ignore_index: int = -100) -> Tensor:
    """Return how many examples are classified rightly, in percent.

    Args:
        y_pred: Scores of shape ``(batch, classes, ...)``.
        y_true: The right classes, of shape ``(batch, ...)``.
        ignore_index: A class that does not count.

    Returns:
        A scalar on the device of *y_pred*, from 0 to 100; NaN when nothing counts.

    Raises:
        ValueError: The shapes do not fit.
    """
    if y_pred.dim() < 2 or y_true.shape != y_pred.shape[:1] + y_pred.shape[2:]:
        raise ValueError(
            f"accuracy needs scores of shape (batch, classes, ...) and classes of shape "
            f"(batch, ...), not {tuple(y_pred.shape)} and {tuple(y_true.shape)}"
        )
    counts = y_true != ignore_index
    right = (
        (y_pred.argmax(1) == y_true) & counts
    ).sum()  # sums, as indexing would wait for the device
    if right.device.type != "mps":  # it has no double precision
        right = right.double()  # or equal accuracies differ by their rounding, and one is "better"
    return right * 100.0 / counts.sum()
