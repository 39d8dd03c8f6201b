# SPDX-License-Identifier: MIT
"""Decay when a value has stopped improving."""

from __future__ import annotations

from typing import Literal

from torch.optim import Optimizer, lr_scheduler

from callbacks_core import Mode, one_of, whole_number

from ._arguments import number, takes_no_optimizer
from .scheduler_callback import LRSchedulerCallback, StepOn


class ReduceLROnPlateau(LRSchedulerCallback):
    """Multiply the learning rate by *factor* when a monitored value has stopped improving.

    See `torch.optim.lr_scheduler.ReduceLROnPlateau`, whose arguments these are, without the
    optimizer. Its patience is one longer than that of `EarlyStopping`: the decay comes after
    *more* than so many epochs without an improvement.

    Args:
        mode: ``"min"`` when smaller is better, ``"max"`` when larger is.
        factor: What the learning rate is multiplied by, below 1.
        patience: How many epochs without an improvement are let pass.
        threshold: How much better a value must be to count as improved.
        threshold_mode: ``"rel"`` for a part of the best value, ``"abs"`` for a difference.
        cooldown: How many epochs after a decay are not looked at.
        min_lr: The smallest learning rate, or one for each parameter group.
        eps: A decay by less than this is left out.
        monitor: The value's name in the logs.
        step_on: ``"epoch"``, or ``"batch"`` to look at the logs of batches instead, which must
            have the value then.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of range, or an optimizer was given.
    """

    @takes_no_optimizer
    def __init__(
        self,
        mode: Mode = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
        *,
        monitor: str = "val_loss",
        step_on: StepOn = "epoch",
    ) -> None:
        one_of("mode", mode, ("min", "max"))
        number("factor", factor, at_least=0)
        if factor >= 1:
            raise ValueError(f"`factor` must be less than 1, not {factor!r}")
        whole_number("patience", patience, at_least=0)
        number("threshold", threshold, at_least=0)
        one_of("threshold_mode", threshold_mode, ("rel", "abs"))
        whole_number("cooldown", cooldown, at_least=0)
        rates = min_lr if isinstance(min_lr, list | tuple) else [min_lr]
        for rate in rates:
            number("min_lr", rate, at_least=0)
        number("eps", eps, at_least=0)
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.eps = eps
        super().__init__(step_on=step_on, monitor=monitor, groups=len(rates))

    def build(self, optimizer: Optimizer) -> lr_scheduler.ReduceLROnPlateau:
        """Return a new scheduler of torch's for *optimizer*."""
        return lr_scheduler.ReduceLROnPlateau(
            optimizer,
            mode=self.mode,
            factor=self.factor,
            patience=self.patience,
            threshold=self.threshold,
            threshold_mode=self.threshold_mode,
            cooldown=self.cooldown,
            min_lr=self.min_lr,
            eps=self.eps,
        )
