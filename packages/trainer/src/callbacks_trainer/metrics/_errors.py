# SPDX-License-Identifier: MIT
"""How far predictions are from the truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from callbacks_core import one_of

from ._labels import require_known, require_same_shape, require_scores
from ._summing import SummingMetric, wide

_SMALLEST: Final = 1.17e-6  # what torchmetrics divides by where the truth is 0

_ERRORS: Final[dict[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "mae": lambda y_pred, y_true: (y_pred - y_true).abs(),
    "mse": lambda y_pred, y_true: (y_pred - y_true).square(),
    "rmse": lambda y_pred, y_true: (y_pred - y_true).square(),
    "mape": lambda y_pred, y_true: (y_pred - y_true).abs() / y_true.abs().clamp(min=_SMALLEST),
}


class MeanError(SummingMetric):
    """The mean error of all predicted numbers.

    Args:
        kind: ``"mae"`` for absolute errors, ``"mse"`` for squared ones, ``"rmse"`` for the root
            of their mean, ``"mape"`` for absolute errors as a share of the truth (1 is 100 %).

    Raises:
        ValueError: *kind* is none of these.
    """

    def __init__(self, kind: str = "mse") -> None:
        one_of("kind", kind, _ERRORS)
        self.kind = kind
        self.__name__ = kind

    def sums(self, y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, int]:
        """Return the sum of the errors, and how many there are.

        Raises:
            ValueError: The shapes differ.
        """
        require_same_shape(self.kind, y_pred, y_true)
        errors = _ERRORS[self.kind](_precise(y_pred), _precise(y_true))
        return errors.sum(dtype=wide(errors)), y_pred.numel()

    def value(self, error: Tensor, count: int) -> Tensor:
        """Return the mean."""
        return (error / count).sqrt() if self.kind == "rmse" else error / count


class R2Score(SummingMetric):
    """The share of the truth's variance that predictions explain: 1 at best, 0 for its mean.

    Of several outputs, which are the second dimension, it is the mean.
    """

    __name__ = "r2"

    def sums(self, y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor, Tensor, int]:
        """Return the sums, over the examples, of squared errors, truths and squared truths.

        Args:
            y_pred: Of shape ``(batch,)`` or ``(batch, outputs)``.
            y_true: Likewise.

        Raises:
            ValueError: The shapes differ.
        """
        require_same_shape("r2", y_pred, y_true)
        kind = wide(_precise(y_true))
        y_pred, y_true = y_pred.to(kind), y_true.to(kind)
        errors = (y_pred - y_true).square()
        return errors.sum(0), y_true.sum(0), y_true.square().sum(0), len(y_true)

    def value(self, error: Tensor, true: Tensor, squared: Tensor, count: int) -> Tensor:
        """Return the share; NaN or infinite when all truths are the same."""
        return (1 - error / (squared - true.square() / count)).mean()


class Perplexity(SummingMetric):
    """The exponential of the mean cross entropy: among how many tokens a model is torn.

    Args:
        ignore_index: A token that does not count, such as padding.
    """

    def __init__(self, *, ignore_index: int = -100) -> None:
        self.ignore_index = ignore_index

    def sums(self, y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum of the cross entropies, and how many tokens count.

        Args:
            y_pred: Logits or logarithms of probabilities, of shape ``(batch, tokens, ...)``.
            y_true: The right tokens, of shape ``(batch, ...)``.

        Raises:
            IndexError: A token is out of range, on the CPU.
            ValueError: The shapes do not fit.
        """
        require_scores("perplexity", y_pred, y_true)
        counts = y_true != self.ignore_index
        require_known("perplexity", y_pred, y_true, self.ignore_index)
        entropy = F.cross_entropy(
            _precise(y_pred), y_true.long(), ignore_index=self.ignore_index, reduction="sum"
        )
        return entropy, counts.sum()

    def value(self, entropy: Tensor, count: Tensor) -> Tensor:
        """Return the perplexity; NaN when nothing counts."""
        return (entropy.to(wide(entropy)) / count).exp()


def _precise(values: Tensor) -> Tensor:
    """Return *values* in single precision at least: half of it cannot even count to 3000."""
    if values.is_floating_point() and values.dtype.itemsize > 2:
        return values
    return values.to(torch.float32)
