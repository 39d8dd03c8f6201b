# SPDX-License-Identifier: MIT
"""A look at the first outputs and targets, before a loss function stretches one to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch.nn.functional as F
from torch import Tensor, broadcast_shapes, nn

if TYPE_CHECKING:
    from collections.abc import Callable

_ELEMENTWISE: Final = (
    F.binary_cross_entropy,
    F.binary_cross_entropy_with_logits,
    F.huber_loss,
    F.l1_loss,
    F.mse_loss,
    F.smooth_l1_loss,
    F.soft_margin_loss,
)
_MODULES: Final = (
    nn.BCELoss,
    nn.BCEWithLogitsLoss,
    nn.HuberLoss,
    nn.L1Loss,
    nn.MSELoss,
    nn.SmoothL1Loss,
    nn.SoftMarginLoss,
)


def with_first_look(holder: Any, loss_function: Any) -> Any:
    """Return a loss function that looks at the shapes once, if it is one that takes equal ones.

    Shapes such as ``(32, 1)`` and ``(32,)`` are stretched by torch to ``(32, 32)``, and what is
    learnt then is nonsense. After the first call *holder* has the function itself again, which
    costs nothing.

    Args:
        holder: The object whose attribute ``loss_function`` it will be.
        loss_function: The loss function, of any kind.
    """
    is_elementwise = any(loss_function is function for function in _ELEMENTWISE)
    if not is_elementwise and type(loss_function) not in _MODULES:
        return loss_function

    def looking(y_pred: Any, y: Any) -> Any:
        require_same_shape(y_pred, y)
        holder.loss_function = loss_function
        return loss_function(y_pred, y)

    return looking


def require_same_shape(y_pred: Any, y: Any) -> None:
    """Raise if two tensors differ in their shape.

    Raises:
        ValueError: They do.
    """
    if not isinstance(y_pred, Tensor) or not isinstance(y, Tensor) or y_pred.shape == y.shape:
        return
    outputs, targets = tuple(y_pred.shape), tuple(y.shape)
    hint = ""
    if outputs == (*targets, 1):
        hint = ": give it y.unsqueeze(-1), or outputs with squeeze(-1)"
    elif targets == (*outputs, 1):
        hint = ": give it y.squeeze(-1), or outputs with unsqueeze(-1)"
    raise ValueError(
        f"the loss function compares outputs and targets one by one, and their shapes are "
        f"{outputs} and {targets}{_stretched(y_pred, y)}{hint}"
    )


def _stretched(y_pred: Tensor, y: Tensor) -> str:
    try:
        shape: Callable[..., Any] = broadcast_shapes
        return f", which torch would stretch to {tuple(shape(y_pred.shape, y.shape))}"
    except RuntimeError:
        return ""
