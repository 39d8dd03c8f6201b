# SPDX-License-Identifier: MIT
"""Loss functions by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import torch.nn.functional as F

from callbacks_core import did_you_mean

LossFunction: TypeAlias = Callable[[Any, Any], Any]

_LOSSES: Final[dict[str, LossFunction]] = {
    name.removesuffix("_loss"): getattr(F, name)
    for name in (
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "cross_entropy",
        "hinge_embedding_loss",
        "huber_loss",
        "kl_div",
        "l1_loss",
        "mse_loss",
        "multi_margin_loss",
        "multilabel_margin_loss",
        "multilabel_soft_margin_loss",
        "nll_loss",
        "poisson_nll_loss",
        "smooth_l1_loss",
        "soft_margin_loss",
    )
}


_ALSO_CALLED: Final = {
    "bce": "binary_cross_entropy",
    "bcewithlogits": "binary_cross_entropy_with_logits",
    "ce": "cross_entropy",
    "l2": "mse",
    "mae": "l1",
    "mean_squared_error": "mse",
    "negative_log_likelihood": "nll",
    "smoothl1": "smooth_l1",
}


def is_loss(name: str) -> bool:
    """Whether there is a loss of that name."""
    return name.lower().removesuffix("_loss") in _LOSSES


def _near_miss(name: str) -> str:
    name = name.removesuffix("loss")
    if name in _ALSO_CALLED:
        return f"; did you mean {_ALSO_CALLED[name]!r}?"
    return did_you_mean(name, _LOSSES)


def get_loss_function(loss: LossFunction | str | None) -> LossFunction | None:
    """Return a loss function.

    Args:
        loss: A function of the prediction and the truth; the name of one in
            `torch.nn.functional`, with or without ``_loss``, such as ``"cross_entropy"``; or None.

    Raises:
        TypeError: *loss* is none of these, or the class of a loss module.
        ValueError: There is no loss of that name.
    """
    if isinstance(loss, str):
        name = loss.lower().removesuffix("_loss")
        if name not in _LOSSES:
            raise ValueError(
                f"there is no loss {loss!r}{_near_miss(name)} "
                f"(there are {', '.join(sorted(_LOSSES))})"
            )
        return _LOSSES[name]
    if isinstance(loss, type):
        raise TypeError(
            f"`loss_function` is the class {loss.__name__}, not an instance of it: "
            f"write {loss.__name__}()"
        )
    if loss is not None and not callable(loss):
        raise TypeError(f"`loss_function` must be a function or a name, not {loss!r}")
    return loss
