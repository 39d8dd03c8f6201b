# SPDX-License-Identifier: MIT
"""Decay at milestones."""

from __future__ import annotations

from collections.abc import Iterable

from torch.optim import Optimizer, lr_scheduler

from callbacks_core import whole_number

from ._arguments import in_order, number, takes_no_optimizer
from .scheduler_callback import LRSchedulerCallback, StepOn


class MultiStepLR(LRSchedulerCallback):
    """Multiply the learning rate by *gamma* at each milestone.

    See `torch.optim.lr_scheduler.MultiStepLR`, whose arguments these are, without the optimizer.

    Args:
        milestones: After how many epochs (or steps, see *step_on*) to decay, in ascending order.
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
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
        *,
        step_on: StepOn = "epoch",
    ) -> None:
        milestones = in_order("milestones", milestones, at_least=0, strictly=False)
        number("gamma", gamma, at_least=0)
        whole_number("last_epoch", last_epoch, at_least=-1)
        self.milestones = milestones
        self.gamma = gamma
        self.last_epoch = last_epoch
        super().__init__(step_on=step_on)

    def build(self, optimizer: Optimizer) -> lr_scheduler.MultiStepLR:
        """Return a new scheduler of torch's for *optimizer*."""
        return lr_scheduler.MultiStepLR(
            optimizer,
            milestones=self.milestones,
            gamma=self.gamma,
            last_epoch=self.last_epoch,
        )

    @property
    def horizon(self) -> int | None:
        """The last milestone."""
        return self.milestones[-1] if self.milestones else None
