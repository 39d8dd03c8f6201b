# SPDX-License-Identifier: MIT
"""Up and down between two learning rates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from torch.optim import Optimizer, lr_scheduler

from callbacks_core import one_of, whole_number

from ._arguments import functions, number, numbers, own_function, takes_no_optimizer
from .scheduler_callback import LRSchedulerCallback, StepOn


class CyclicLR(LRSchedulerCallback):
    """Let the learning rate go up and down between two values.

    See `torch.optim.lr_scheduler.CyclicLR`, whose arguments these are, without the optimizer.
    The source is Smith, "Cyclical Learning Rates for Training Neural Networks"
    (https://arxiv.org/abs/1506.01186).

    Args:
        base_lr: The lower learning rate, or one for each parameter group.
        max_lr: The upper one, likewise.
        step_size_up: The steps from the lower to the upper one.
        step_size_down: The steps back; None for as many.
        mode: ``"triangular"``, ``"triangular2"`` to halve the height at each cycle, or
            ``"exp_range"`` to shrink it by *gamma* at each step. A *scale_fn* goes before.
        gamma: The base of ``"exp_range"``.
        scale_fn: The height as a function, from 0 to 1. Like any function it is in no state.
        scale_mode: What *scale_fn* is given: the number of the ``"cycle"``, or of
            ``"iterations"`` so far.
        cycle_momentum: Whether momentum goes down while the learning rate goes up; for Adam and
            its like that is the first of ``betas``. An optimizer without either needs False.
        base_momentum: The lower momentum, or one for each parameter group.
        max_momentum: The upper one, likewise.
        last_epoch: The index of the last epoch, as torch counts them; -1 is the start.
        step_on: ``"batch"`` for each step of the optimizer, for which this schedule was made; or
            ``"epoch"``.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of range, a lower value above the upper one, or an optimizer
            was given.
    """

    @takes_no_optimizer
    def __init__(
        self,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
        *,
        step_on: StepOn = "batch",
    ) -> None:
        groups = [
            numbers("base_lr", base_lr, at_least=0),
            numbers("max_lr", max_lr, at_least=0),
            numbers("base_momentum", base_momentum, at_least=0),
            numbers("max_momentum", max_momentum, at_least=0),
        ]
        _check_order("lr", base_lr, max_lr)
        if cycle_momentum:
            _check_order("momentum", base_momentum, max_momentum)
        whole_number("step_size_up", step_size_up, at_least=1)
        if step_size_down is not None:
            whole_number("step_size_down", step_size_down, at_least=0)
        one_of("mode", mode, ("triangular", "triangular2", "exp_range"))
        number("gamma", gamma, at_least=0)
        if scale_fn is not None:
            functions("scale_fn", scale_fn)
        one_of("scale_mode", scale_mode, ("cycle", "iterations"))
        whole_number("last_epoch", last_epoch, at_least=-1)
        self.base_lr = base_lr
        self.max_lr = max_lr
        self.step_size_up = step_size_up
        self.step_size_down = step_size_down
        self.mode = mode
        self.gamma = gamma
        self.scale_fn = scale_fn
        self.scale_mode = scale_mode
        self.cycle_momentum = cycle_momentum
        self.base_momentum = base_momentum
        self.max_momentum = max_momentum
        self.last_epoch = last_epoch
        super().__init__(step_on=step_on, groups=max(groups))

    def build(self, optimizer: Optimizer) -> lr_scheduler.CyclicLR:
        """Return a new scheduler of torch's for *optimizer*."""
        return lr_scheduler.CyclicLR(
            optimizer,
            base_lr=self.base_lr,
            max_lr=self.max_lr,
            step_size_up=self.step_size_up,
            step_size_down=self.step_size_down,
            mode=self.mode,
            gamma=self.gamma,
            scale_mode=self.scale_mode,
            cycle_momentum=self.cycle_momentum,
            base_momentum=self.base_momentum,
            max_momentum=self.max_momentum,
            scale_fn=None if self.scale_fn is None else own_function(self.scale_fn),
            last_epoch=self.last_epoch,
        )


def _check_order(what: str, base: float | list[float], top: float | list[float]) -> None:
    lowest = list(base) if isinstance(base, Sequence) else [base]
    highest = list(top) if isinstance(top, Sequence) else [top]
    if len(lowest) == 1:
        lowest *= len(highest)
    if len(highest) == 1:
        highest *= len(lowest)
    if any(low > high for low, high in zip(lowest, highest, strict=False)):
        raise ValueError(
            f"`base_{what}` must not be above `max_{what}`, but {base!r} is above {top!r}; "
            f"are they the wrong way round?"
        )
