# SPDX-License-Identifier: MIT
"""The learning rate as a function."""

from __future__ import annotations

from collections.abc import Callable

from torch.optim import Optimizer, lr_scheduler

from callbacks_core import whole_number

from ._arguments import functions, own_function, takes_no_optimizer
from .scheduler_callback import LRSchedulerCallback, StepOn


class LambdaLR(LRSchedulerCallback):
    """Multiply the learning rate that training began with by a function's value.

    See `torch.optim.lr_scheduler.LambdaLR`, whose arguments these are, without the optimizer.

    Args:
        lr_lambda: Returns the factor, given the number of steps so far; or a list of functions,
            one for each parameter group. A function is an argument and in no state: resume with
            the same one. Of an object that can be called the plain attributes are in the state.
        last_epoch: The index of the last epoch, as torch counts them; -1 is the start.
        step_on: ``"epoch"``, or ``"batch"`` to count steps of the optimizer instead.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of range, or an optimizer was given.
    """

    @takes_no_optimizer
    def __init__(
        self,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
        *,
        step_on: StepOn = "epoch",
    ) -> None:
        whole_number("last_epoch", last_epoch, at_least=-1)
        self.lr_lambda = lr_lambda
        self.last_epoch = last_epoch
        super().__init__(step_on=step_on, groups=functions("lr_lambda", lr_lambda))

    def build(self, optimizer: Optimizer) -> lr_scheduler.LambdaLR:
        """Return a new scheduler of torch's for *optimizer*."""
        functions = self.lr_lambda
        return lr_scheduler.LambdaLR(
            optimizer,
            list(map(own_function, functions))
            if isinstance(functions, list | tuple)
            else own_function(functions),
            last_epoch=self.last_epoch,
        )


class MultiplicativeLR(LRSchedulerCallback):
    """Multiply the learning rate by a function's value at each step.

    See `torch.optim.lr_scheduler.MultiplicativeLR`, whose arguments these are, without the
    optimizer.

    Args:
        lr_lambda: Returns the factor, given the number of steps so far; or a list of functions,
            one for each parameter group. A function is an argument and in no state: resume with
            the same one. Of an object that can be called the plain attributes are in the state.
        last_epoch: The index of the last epoch, as torch counts them; -1 is the start.
        step_on: ``"epoch"``, or ``"batch"`` to count steps of the optimizer instead.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of range, or an optimizer was given.
    """

    @takes_no_optimizer
    def __init__(
        self,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
        *,
        step_on: StepOn = "epoch",
    ) -> None:
        whole_number("last_epoch", last_epoch, at_least=-1)
        self.lr_lambda = lr_lambda
        self.last_epoch = last_epoch
        super().__init__(step_on=step_on, groups=functions("lr_lambda", lr_lambda))

    def build(self, optimizer: Optimizer) -> lr_scheduler.MultiplicativeLR:
        """Return a new scheduler of torch's for *optimizer*."""
        functions = self.lr_lambda
        return lr_scheduler.MultiplicativeLR(
            optimizer,
            list(map(own_function, functions))
            if isinstance(functions, list | tuple)
            else own_function(functions),
            last_epoch=self.last_epoch,
        )
