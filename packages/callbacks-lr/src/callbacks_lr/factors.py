# SPDX-License-Identifier: MIT
"""Factors that change for some steps, and stay as they are then."""

from __future__ import annotations

from torch.optim import Optimizer, lr_scheduler

from callbacks_core import whole_number

from ._arguments import between, number, takes_no_optimizer
from .scheduler_callback import LRSchedulerCallback, StepOn


class ConstantLR(LRSchedulerCallback):
    """Multiply the learning rate by *factor* for *total_iters* steps.

    See `torch.optim.lr_scheduler.ConstantLR`, whose arguments these are, without the optimizer.

    Args:
        factor: The factor, more than 0 and at most 1.
        total_iters: After how many steps the factor is taken back.
        last_epoch: The index of the last epoch, as torch counts them; -1 is the start.
        step_on: ``"epoch"``, or ``"batch"`` to count steps of the optimizer instead.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of range, or an optimizer was given.
    """

    @takes_no_optimizer
    def __init__(
        self,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
        *,
        step_on: StepOn = "epoch",
    ) -> None:
        between("factor", factor, 0, 1, above=True)
        whole_number("total_iters", total_iters, at_least=0)
        whole_number("last_epoch", last_epoch, at_least=-1)
        self.factor = factor
        self.total_iters = total_iters
        self.last_epoch = last_epoch
        super().__init__(step_on=step_on)

    def build(self, optimizer: Optimizer) -> lr_scheduler.ConstantLR:
        """Return a new scheduler of torch's for *optimizer*."""
        return lr_scheduler.ConstantLR(
            optimizer,
            factor=self.factor,
            total_iters=self.total_iters,
            last_epoch=self.last_epoch,
        )

    @property
    def horizon(self) -> int | None:
        """The steps for which the factor holds."""
        return self.total_iters


class LinearLR(LRSchedulerCallback):
    """Multiply the learning rate by a factor that goes linearly from one value to another.

    See `torch.optim.lr_scheduler.LinearLR`, whose arguments these are, without the optimizer.

    Args:
        start_factor: The factor at the start, more than 0 and at most 1.
        end_factor: The factor after *total_iters* steps and from then on, from 0 to 1.
        total_iters: The steps from one to the other.
        last_epoch: The index of the last epoch, as torch counts them; -1 is the start.
        step_on: ``"epoch"``, or ``"batch"`` to count steps of the optimizer instead.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of range, or an optimizer was given.
    """

    @takes_no_optimizer
    def __init__(
        self,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
        *,
        step_on: StepOn = "epoch",
    ) -> None:
        between("start_factor", start_factor, 0, 1, above=True)
        between("end_factor", end_factor, 0, 1)
        whole_number("total_iters", total_iters, at_least=1)
        whole_number("last_epoch", last_epoch, at_least=-1)
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        self.last_epoch = last_epoch
        super().__init__(step_on=step_on)

    def build(self, optimizer: Optimizer) -> lr_scheduler.LinearLR:
        """Return a new scheduler of torch's for *optimizer*."""
        return lr_scheduler.LinearLR(
            optimizer,
            start_factor=self.start_factor,
            end_factor=self.end_factor,
            total_iters=self.total_iters,
            last_epoch=self.last_epoch,
        )

    @property
    def horizon(self) -> int | None:
        """The steps from one factor to the other."""
        return self.total_iters


class PolynomialLR(LRSchedulerCallback):
    """Let the learning rate fall to zero along a power.

    See `torch.optim.lr_scheduler.PolynomialLR`, whose arguments these are, without the optimizer.

    Args:
        total_iters: The steps to zero.
        power: The exponent; 1 is a straight line.
        last_epoch: The index of the last epoch, as torch counts them; -1 is the start.
        step_on: ``"epoch"``, or ``"batch"`` to count steps of the optimizer instead.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of range, or an optimizer was given.
    """

    @takes_no_optimizer
    def __init__(
        self,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
        *,
        step_on: StepOn = "epoch",
    ) -> None:
        whole_number("total_iters", total_iters, at_least=1)
        number("power", power, at_least=0)
        whole_number("last_epoch", last_epoch, at_least=-1)
        self.total_iters = total_iters
        self.power = power
        self.last_epoch = last_epoch
        super().__init__(step_on=step_on)

    def build(self, optimizer: Optimizer) -> lr_scheduler.PolynomialLR:
        """Return a new scheduler of torch's for *optimizer*."""
        return lr_scheduler.PolynomialLR(
            optimizer,
            total_iters=self.total_iters,
            power=self.power,
            last_epoch=self.last_epoch,
        )

    @property
    def horizon(self) -> int | None:
        """The steps to zero."""
        return self.total_iters
