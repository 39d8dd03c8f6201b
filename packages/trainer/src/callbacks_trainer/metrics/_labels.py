# SPDX-License-Identifier: MIT
"""What metrics of classes ask of predictions and labels; nothing here waits for a device."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import nll_loss


def require_scores(metric: str, y_pred: Tensor, y_true: Tensor) -> None:
    """Raise unless there are scores of classes, and labels that fit them.

    Raises:
        TypeError: One of them is no tensor.
        ValueError: The shapes do not fit.
    """
    _require_tensors(metric, y_pred, y_true)
    if y_pred.dim() < 2 or y_true.shape != y_pred.shape[:1] + y_pred.shape[2:]:
        raise ValueError(
            f"{metric} needs scores of shape (batch, classes, ...) and classes of shape "
            f"(batch, ...), not {tuple(y_pred.shape)} and {tuple(y_true.shape)}"
            f"{_hint(metric, y_pred, y_true)}"
        )


def _hint(metric: str, y_pred: Tensor, y_true: Tensor) -> str:
    classes, shares = (tensor.shape[1] if tensor.dim() > 1 else 1 for tensor in (y_pred, y_true))
    if y_true.dim() == y_pred.dim() and shares == 1 < classes:
        return "; take the truth's squeeze(1)"
    if y_true.shape != y_pred.shape:
        return ""
    if shares > 1:
        return "; of truths with a share for each class take the argmax(1)"
    return (
        f"; for one score an example there is 'binary_{metric}'" if metric in _HAVE_BINARY else ""
    )


_HAVE_BINARY = ("accuracy", "f1", "jaccard", "precision", "recall", "specificity")


def require_same_shape(metric: str, y_pred: Tensor, y_true: Tensor) -> None:
    """Raise unless predictions and truths are tensors of one shape.

    Raises:
        TypeError: One of them is no tensor.
        ValueError: The shapes differ, which torch might broadcast into nonsense.
    """
    _require_tensors(metric, y_pred, y_true)
    if y_pred.shape == y_true.shape:
        return
    hint = ""
    if y_pred.shape == (*y_true.shape, 1):
        hint = "; take the prediction's squeeze(-1), or the truth's unsqueeze(-1)"
    raise ValueError(
        f"{metric} needs a prediction and a truth of the same shape, "
        f"not {tuple(y_pred.shape)} and {tuple(y_true.shape)}{hint}"
    )


def _require_tensors(metric: str, *values: object) -> None:
    for value in values:
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{metric} needs a tensor for the prediction and one for the truth, not "
                f"{type(value).__name__}; a function of one's own can take them out of it"
            )


def require_known(metric: str, y_pred: Tensor, y_true: Tensor, ignore_index: int) -> None:
    """Raise if a label is none of the classes, where that is known without waiting.

    On a GPU nobody asks: the loss function has its own assertion there.

    Args:
        metric: The metric's name, for the message.
        y_pred: Scores of shape ``(batch, classes, ...)``.
        y_true: Labels of shape ``(batch, ...)``.
        ignore_index: The label that does not count.

    Raises:
        IndexError: A label is below 0 or too large.
    """
    if y_true.device.type != "cpu" or y_true.is_floating_point():
        return
    scores = y_pred if y_pred.dtype in _QUICK else y_pred.float()
    try:  # which looks at each label, and is the quickest that does
        nll_loss(scores, y_true.long(), ignore_index=ignore_index, reduction="sum")
    except IndexError:
        labels = y_true[y_true != ignore_index]
        raise _unknown(metric, labels, y_pred.shape[1]) from None


_QUICK = (torch.float32, torch.float64)


def _unknown(metric: str, labels: Tensor, classes: int) -> IndexError:
    wrong = labels[(labels < 0) | (labels >= classes)]
    return IndexError(
        f"{metric} was given the label {wrong[0].item()}, while the prediction has scores for "
        f"{classes} classes, 0 to {classes - 1}; one that shall not count is `ignore_index`"
    )
