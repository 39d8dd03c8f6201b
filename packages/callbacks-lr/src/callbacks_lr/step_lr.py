# SPDX-License-Identifier: MIT
"""Decay in steps."""

from __future__ import annotations

from torch.optim import Optimizer, lr_scheduler

from callbacks_core import whole_number

from ._arguments import number, takes_no_optimizer
from .scheduler_callback import LRSchedulerCallback, StepOn


class StepLR(LRSchedulerCallback):
    """Multiply the learning rate by *gamma* every *step_size* epochs.

    See `torch.optim.lr_scheduler.StepLR`, whose arguments these are, without the optimizer.

    Args:
        step_size: The number of epochs (or steps, see *step_on*) between two decays.
        gamma: What the learning rate is multiplied by.
        last_epoch: The index of the last epoch, as torch counts them; -1 is the start.
        step_on: ``"epoch"``, or ``"batch"`` to count steps of the optimizer instead.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *step_size* is less than 1, *gamma* negative, or an optimizer was given.
    """

    @takes_no_optimizer
    def __init__(
        self,
        step_size: int,
        gamma: float = 0.1,
        last_epoch: int = -1,
        *,
        step_on: StepOn = "epoch",
    ) -> None:
        whole_number("step_size", step_size, at_least=1)
        number("gamma", gamma, at_least=0)
        whole_number("last_epoch", last_epoch, at_least=-1)
        self.step_size = step_size
        self.gamma = gamma
        self.last_epoch = last_epoch
        super().__init__(step_on=step_on)

    def build(self, optimizer: Optimizer) -> lr_scheduler.StepLR:
        """Return a new scheduler of torch's for *optimizer*."""
        return lr_scheduler.StepLR(
            optimizer, step_size=self.step_size, gamma=self.gamma, last_epoch=self.last_epoch
        )
