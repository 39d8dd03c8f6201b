# SPDX-License-Identifier: MIT
"""One schedule after the other."""

from __future__ import annotations

from collections.abc import Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from callbacks_core import whole_number

from ._arguments import in_order, takes_no_optimizer
from ._composition import Sequential
from ._parts import checked_parts, common_step_on, group_count
from .scheduler_callback import LRSchedulerCallback, StepOn


class SequentialLR(LRSchedulerCallback):
    """Follow one schedule until a milestone, and the next one from there.

    ::

        SequentialLR([LinearLR(total_iters=5), CosineAnnealingLR(T_max=95)], milestones=[5])

    See `torch.optim.lr_scheduler.SequentialLR`, whose arguments these are, without the optimizer.
    The parts are schedules of this package, composed ones too, and they all step when this one
    does. Each begins at its milestone as it would at the start of training.

    Args:
        schedulers: The schedules, in their order.
        milestones: The step at which each but the first begins, in ascending order.
        last_epoch: The index of the last epoch, as torch counts them; -1 is the start.
        step_on: ``"epoch"`` or ``"batch"``; by default what the parts step on.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of range, there is not one milestone fewer than schedules,
            the parts step on different things, or an optimizer was given.
    """

    @takes_no_optimizer
    def __init__(
        self,
        schedulers: Sequence[LRSchedulerCallback],
        milestones: Sequence[int],
        last_epoch: int = -1,
        *,
        step_on: StepOn | None = None,
    ) -> None:
        parts = checked_parts("SequentialLR", schedulers)
        milestones = in_order("milestones", milestones, at_least=1, strictly=True)
        if len(milestones) != len(parts) - 1:
            raise ValueError(
                f"`milestones` must have one value fewer than there are schedules, "
                f"{len(parts) - 1}, not {len(milestones)}"
            )
        whole_number("last_epoch", last_epoch, at_least=-1)
        self.schedulers = parts
        self.milestones = milestones
        self.last_epoch = last_epoch
        self.past_end = None if parts[-1].horizon is None else parts[-1].past_end
        super().__init__(step_on=common_step_on(parts, step_on), groups=group_count(parts))

    def build(self, optimizer: Optimizer) -> LRScheduler:
        """Return a new scheduler for *optimizer*, of new ones of torch's."""
        begins = [0, *self.milestones]
        lengths = [end - begin for begin, end in zip(begins, self.milestones, strict=False)]
        rest = None if self.run_steps is None else max(self.run_steps - begins[-1], 1)
        built = [
            part.build_for(optimizer, length)
            for part, length in zip(self.schedulers, [*lengths, rest], strict=True)
        ]
        return Sequential(optimizer, built, self.milestones, self.last_epoch)

    @property
    def horizon(self) -> int | None:
        """The last milestone, and the steps of the last part."""
        begin = self.milestones[-1] if self.milestones else 0
        return (begin + (self.schedulers[-1].horizon or 0)) or None
