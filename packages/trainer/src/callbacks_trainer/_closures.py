# SPDX-License-Identifier: MIT
"""Optimizers that ask for the loss several times in a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from callbacks_core import Pass, get_batch_size

from ._base import required

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

    from ._steps import Steps


def train_with_closure(steps: Steps, batches: Pass[Any]) -> None:
    """Train on the batches of a pass, the optimizer computing the loss as often as it likes.

    What is logged is of the first time, with the weights before the step; `on_backward_end` is
    called then, too.
    """
    optimizer, record = required(steps.optimizer, "an optimizer"), steps.recorder(batches)
    for batch in batches:
        x, y = steps.prepare(batch)
        loss, y_pred = step_with_closure(steps, optimizer, x, y, batches.backward_end)
        record(steps.values(loss, y_pred, y), get_batch_size(x, y))


def step_with_closure(
    steps: Steps,
    optimizer: Optimizer,
    x: Any,
    y: Any,
    backward_end: Callable[[], None] | None = None,
) -> tuple[Tensor, Any]:
    """Take a step, and return the loss and the prediction of the first time.

    Args:
        steps: What computes them.
        optimizer: The optimizer, of any kind.
        x: The inputs.
        y: The targets.
        backward_end: Called when the first gradients are complete.

    Raises:
        RuntimeError: The optimizer never asked for a loss.
    """
    first: list[tuple[Tensor, Any]] = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss, y_pred = steps.trained(x, y)
        torch.autograd.backward(loss)
        if not first:
            first.append((loss.detach(), y_pred))
            if backward_end is not None:
                backward_end()
        return loss if steps.group is None else steps.group.mean(loss)  # or their ways would part

    optimizer.step(closure)  # type: ignore[arg-type]  # torch says float, and wants a tensor
    if not first:
        raise RuntimeError(f"{type(optimizer).__name__} never called the closure it was given")
    return first[0]
