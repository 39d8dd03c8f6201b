# SPDX-License-Identifier: MIT
"""Several schedules at once."""

from __future__ import annotations

from collections.abc import Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ._arguments import takes_no_optimizer
from ._composition import Chained
from ._parts import checked_parts, common_step_on, group_count
from .scheduler_callback import LRSchedulerCallback, StepOn


class ChainedScheduler(LRSchedulerCallback):
    """Follow several schedules at once, one on top of the other.

    ::

        ChainedScheduler([LinearLR(total_iters=5), ExponentialLR(0.95)])

    See `torch.optim.lr_scheduler.ChainedScheduler`, whose argument this is, without the optimizer.
    The parts are schedules of this package, composed ones too, and they all step when this one
    does. One that sets the learning rate outright, such as `LambdaLR`, a cycle or a `SequentialLR`
    at its milestones, overrules those before it.

    Args:
        schedulers: The schedules, in the order in which they step.
        step_on: ``"epoch"`` or ``"batch"``; by default what the parts step on.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: There is no schedule, the parts step on different things, or an optimizer was
            given.
    """

    @takes_no_optimizer
    def __init__(
        self,
        schedulers: Sequence[LRSchedulerCallback],
        *,
        step_on: StepOn | None = None,
    ) -> None:
        self.schedulers = checked_parts("ChainedScheduler", schedulers)
        super().__init__(
            step_on=common_step_on(self.schedulers, step_on), groups=group_count(self.schedulers)
        )

    def build(self, optimizer: Optimizer) -> LRScheduler:
        """Return a new scheduler for *optimizer*, of new ones of torch's."""
        built = [part.build_for(optimizer, self.run_steps) for part in self.schedulers]
        return Chained(optimizer, built)

    @property
    def horizon(self) -> int | None:
        """The steps of the longest part."""
        return max((part.horizon or 0 for part in self.schedulers), default=0) or None
