# SPDX-License-Identifier: MIT
"""Decay at every step."""

from __future__ import annotations

from torch.optim import Optimizer, lr_scheduler

from callbacks_core import whole_number

from ._arguments import number, takes_no_optimizer
from .scheduler_callback import LRSchedulerCallback, StepOn


class ExponentialLR(LRSchedulerCallback):
    """Multiply the learning rate by *gamma* at each step.

    See `torch.optim.lr_scheduler.ExponentialLR`, whose arguments these are, without the optimizer.

    Args:
        gamma: What the learning rate is multiplied by.
        last_epoch: The index of the last epoch, as torch counts them; -1 is the start.
        step_on: ``"epoch"``, or ``"batch"`` to count steps of the optimizer instead.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of range, or an optimizer was given.
    """

    @takes_no_optimizer
    def __init__(
        self,
        gamma: float,
        last_epoch: int = -1,
        *,
        step_on: StepOn = "epoch",
    ) -> None:
        number("gamma", gamma, at_least=0)
        whole_number("last_epoch", last_epoch, at_least=-1)
        self.gamma = gamma
        self.last_epoch = last_epoch
        super().__init__(step_on=step_on)

    def build(self, optimizer: Optimizer) -> lr_scheduler.ExponentialLR:
        """Return a new scheduler of torch's for *optimizer*."""
        return lr_scheduler.ExponentialLR(
            optimizer,
            gamma=self.gamma,
            last_epoch=self.last_epoch,
        )
