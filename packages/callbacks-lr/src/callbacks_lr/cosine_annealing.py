# SPDX-License-Identifier: MIT
"""Half a cosine, once or again and again."""

from __future__ import annotations

from torch.optim import Optimizer, lr_scheduler

from callbacks_core import whole_number

from ._arguments import number, takes_no_optimizer
from .scheduler_callback import LRSchedulerCallback, StepOn


class CosineAnnealingLR(LRSchedulerCallback):
    """Let the learning rate fall along half a cosine.

    See `torch.optim.lr_scheduler.CosineAnnealingLR`, whose arguments these are, without the
    optimizer.
    The shape is that of Loshchilov and Hutter, "SGDR" (https://arxiv.org/abs/1608.03983), without
    its restarts. Past its end the learning rate rises again.

    Args:
        T_max: The steps to the bottom.
        eta_min: The learning rate there.
        last_epoch: The index of the last epoch, as torch counts them; -1 is the start.
        step_on: ``"epoch"``, or ``"batch"`` to count steps of the optimizer instead.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of range, or an optimizer was given.
    """

    past_end = "the learning rate rises again"

    @takes_no_optimizer
    def __init__(
        self,
        T_max: int,
        eta_min: float = 0.0,
        last_epoch: int = -1,
        *,
        step_on: StepOn = "epoch",
    ) -> None:
        whole_number("T_max", T_max, at_least=1)
        number("eta_min", eta_min)
        whole_number("last_epoch", last_epoch, at_least=-1)
        self.T_max = T_max
        self.eta_min = eta_min
        self.last_epoch = last_epoch
        super().__init__(step_on=step_on)

    def build(self, optimizer: Optimizer) -> lr_scheduler.CosineAnnealingLR:
        """Return a new scheduler of torch's for *optimizer*."""
        return lr_scheduler.CosineAnnealingLR(
            optimizer,
            T_max=self.T_max,
            eta_min=self.eta_min,
            last_epoch=self.last_epoch,
        )

    @property
    def horizon(self) -> int | None:
        """The steps to the bottom."""
        return self.T_max


class CosineAnnealingWarmRestarts(LRSchedulerCallback):
    """Let the learning rate fall along half a cosine, and start again at the top.

    See `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`, whose arguments these are, without
    the optimizer.
    The source is Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts"
    (https://arxiv.org/abs/1608.03983).

    Args:
        T_0: The steps to the first restart.
        T_mult: How many times longer than the one before each next cycle is.
        eta_min: The learning rate at the bottom.
        last_epoch: The index of the last epoch, as torch counts them; -1 is the start.
        step_on: ``"epoch"``, or ``"batch"`` to count steps of the optimizer instead.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of range, or an optimizer was given.
    """

    @takes_no_optimizer
    def __init__(
        self,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
        *,
        step_on: StepOn = "epoch",
    ) -> None:
        whole_number("T_0", T_0, at_least=1)
        whole_number("T_mult", T_mult, at_least=1)
        number("eta_min", eta_min)
        whole_number("last_epoch", last_epoch, at_least=-1)
        self.T_0 = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.last_epoch = last_epoch
        super().__init__(step_on=step_on)

    def build(self, optimizer: Optimizer) -> lr_scheduler.CosineAnnealingWarmRestarts:
        """Return a new scheduler of torch's for *optimizer*."""
        return lr_scheduler.CosineAnnealingWarmRestarts(
            optimizer,
            T_0=self.T_0,
            T_mult=self.T_mult,
            eta_min=self.eta_min,
            last_epoch=self.last_epoch,
        )
