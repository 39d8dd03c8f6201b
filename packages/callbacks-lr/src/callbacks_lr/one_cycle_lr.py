# SPDX-License-Identifier: MIT
"""One cycle: up, and down for good."""

from __future__ import annotations

from typing import Literal

from torch.optim import Optimizer, lr_scheduler

from callbacks_core import one_of, whole_number

from ._arguments import between, number, numbers, takes_no_optimizer
from ._horizon import needed_steps
from .scheduler_callback import LRSchedulerCallback, StepOn


class OneCycleLR(LRSchedulerCallback):
    """Let the learning rate go up once, and down for the rest of the run.

    See `torch.optim.lr_scheduler.OneCycleLR`, whose arguments these are, without the optimizer.
    The source is Smith and Topin, "Super-Convergence" (https://arxiv.org/abs/1708.07120).

    Left out, the number of steps is that of the run: its epochs, times the batches in each when
    stepping on batches. With gradient accumulation there are fewer steps than batches, which the
    run does not tell: pass *total_steps* then. When the run is longer, the learning rate stays at
    its end, where torch's own would raise.

    Args:
        max_lr: The learning rate at the top, or one for each parameter group.
        total_steps: The steps of the cycle; or pass *epochs* and *steps_per_epoch*, or neither.
        epochs: The number of epochs.
        steps_per_epoch: The steps in each.
        pct_start: The part of the cycle in which the learning rate goes up, from 0 to 1.
        anneal_strategy: ``"cos"`` for a cosine, ``"linear"`` for a straight line.
        cycle_momentum: Whether momentum goes down while the learning rate goes up; for Adam and
            its like that is the first of ``betas``. An optimizer without either needs False.
        base_momentum: The lowest momentum, or one for each parameter group.
        max_momentum: The highest one, likewise.
        div_factor: How many times smaller than *max_lr* the first learning rate is.
        final_div_factor: How many times smaller than the first one the last one is.
        three_phase: Whether to come down in two phases, the first as long as the way up.
        last_epoch: The index of the last epoch, as torch counts them; -1 is the start.
        step_on: ``"batch"`` for each step of the optimizer, for which this schedule was made; or
            ``"epoch"``.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of range, or an optimizer was given.
    """

    past_end = "the learning rate stays where it is"

    @takes_no_optimizer
    def __init__(
        self,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
        *,
        step_on: StepOn = "batch",
    ) -> None:
        groups = [
            numbers("max_lr", max_lr, at_least=0),
            numbers("base_momentum", base_momentum, at_least=0),
            numbers("max_momentum", max_momentum, at_least=0),
        ]
        lengths = {"total_steps": total_steps, "epochs": epochs, "steps_per_epoch": steps_per_epoch}
        for name, length in lengths.items():
            if length is not None:
                whole_number(name, length, at_least=1)
        if (epochs is None) != (steps_per_epoch is None) and total_steps is None:
            raise ValueError("pass both `epochs` and `steps_per_epoch`, or neither")
        between("pct_start", pct_start, 0, 1)
        one_of("anneal_strategy", anneal_strategy, ("cos", "linear"))
        for name, factor in (("div_factor", div_factor), ("final_div_factor", final_div_factor)):
            number(name, factor)
            if factor <= 0:
                raise ValueError(f"`{name}` must be more than 0, not {factor!r}")
        whole_number("last_epoch", last_epoch, at_least=-1)
        self.max_lr = max_lr
        self.total_steps = total_steps
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch
        self.pct_start = float(pct_start)  # torch takes no int
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = cycle_momentum
        self.base_momentum = base_momentum
        self.max_momentum = max_momentum
        self.div_factor = div_factor
        self.final_div_factor = final_div_factor
        self.three_phase = three_phase
        self.last_epoch = last_epoch
        super().__init__(step_on=step_on, groups=max(groups))

    def build(self, optimizer: Optimizer) -> lr_scheduler.OneCycleLR:
        """Return a new scheduler of torch's for *optimizer*.

        Raises:
            ValueError: The number of steps is left to a run that does not tell it.
        """
        total = needed_steps("OneCycleLR", self.horizon, self.run_steps)
        try:
            return _HoldingOneCycleLR(
                optimizer,
                total_steps=total,
                max_lr=self.max_lr,
                pct_start=self.pct_start,
                anneal_strategy=self.anneal_strategy,
                cycle_momentum=self.cycle_momentum,
                base_momentum=self.base_momentum,
                max_momentum=self.max_momentum,
                div_factor=self.div_factor,
                final_div_factor=self.final_div_factor,
                three_phase=self.three_phase,
                last_epoch=self.last_epoch,
            )
        except ZeroDivisionError:
            raise ValueError(
                f"a OneCycleLR with pct_start={self.pct_start} cannot be made of {total} steps"
            ) from None

    @property
    def horizon(self) -> int | None:
        """The steps of the cycle, when they are not left to the run."""
        if self.total_steps is not None:
            return self.total_steps
        if self.epochs is None or self.steps_per_epoch is None:
            return None
        return self.epochs * self.steps_per_epoch


class _HoldingOneCycleLR(lr_scheduler.OneCycleLR):
    """The same, but past its end it stays there; torch's own raises, in the midst of the run."""

    @property
    def last_step(self) -> int:
        """The step after which it stays; `quick_step` knows of it."""
        return self.total_steps - 1

    def step(self, epoch: int | None = None) -> None:
        """Step, unless the end was reached."""
        if epoch is not None or self.last_epoch < self.last_step:
            super().step(epoch)
