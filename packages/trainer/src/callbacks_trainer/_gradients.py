# SPDX-License-Identifier: MIT
"""The gradients of an optimizer's parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.optim import Optimizer


def forgetting(optimizer: Optimizer) -> Callable[[], None]:
    """Return what sets the gradients of an optimizer's parameters to None.

    It does what torch's ``zero_grad`` does, but for the mark for the profiler, which takes longer
    than all the rest and some percent of a small network's step. An optimizer with a ``zero_grad``
    of its own is asked for that.

    Args:
        optimizer: The optimizer.
    """
    if getattr(optimizer.zero_grad, "__func__", None) is not Optimizer.zero_grad:
        return optimizer.zero_grad

    def forget() -> None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    return forget


def divide(optimizer: Optimizer, weight: float) -> None:
    """Divide the gradients of an optimizer's parameters by a number."""
    gradients = list(_gradients(optimizer))
    if any(gradient.is_sparse for gradient in gradients):
        for gradient in gradients:
            gradient.div_(weight)
        return
    torch._foreach_div_(gradients, weight)


def _gradients(optimizer: Optimizer) -> Iterator[Tensor]:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                yield parameter.grad
