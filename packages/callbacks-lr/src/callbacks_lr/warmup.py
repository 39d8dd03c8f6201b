# SPDX-License-Identifier: MIT
"""A gentle start for any schedule."""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from callbacks_core import whole_number

from ._arguments import between, takes_no_optimizer
from ._composition import Composed, begin_first
from ._rates import get_rates, set_rates
from .scheduler_callback import LRSchedulerCallback


class Warmup(LRSchedulerCallback):
    """Let the learning rate rise linearly to where a schedule begins, and follow that one then.

    ::

        Warmup(then=CosineAnnealingLR(T_max=900, step_on="batch"), steps=100)

    It goes around any schedule: one that follows a value in the logs, and one that takes its
    length from the run, for which it leaves the rest of the run. The source is Goyal et al.,
    "Accurate, Large Minibatch SGD" (https://arxiv.org/abs/1706.02677).

    Args:
        then: The schedule to follow; its first step comes when the warm-up is over.
        steps: How many steps the warm-up takes: epochs or batches, as *then* steps on them.
        start_factor: The part of the learning rate to begin with, from 0 to 1; by default one of
            ``steps + 1`` equal parts, so that no step is lost to a learning rate of 0.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of range, or an optimizer was given.
    """

    @takes_no_optimizer
    def __init__(
        self, *, then: LRSchedulerCallback, steps: int, start_factor: float | None = None
    ) -> None:
        if not isinstance(then, LRSchedulerCallback):
            raise TypeError(f"`then` must be a schedule of callbacks_lr, not {then!r}")
        whole_number("steps", steps, at_least=1)
        if start_factor is not None:
            between("start_factor", start_factor, 0, 1)
        self.then = then
        self.steps = steps
        self.start_factor = 1 / (steps + 1) if start_factor is None else start_factor
        self.past_end = None if then.horizon is None else then.past_end
        super().__init__(
            step_on=then.step_on,
            monitor=None if then.monitor is None else then.monitor.name,
            groups=then.groups,
        )

    def build(self, optimizer: Optimizer) -> LRScheduler:
        """Return a new scheduler for *optimizer*, around a new one of torch's."""
        rest = None if self.run_steps is None else max(self.run_steps - self.steps, 1)
        inner = self.then.build_for(optimizer, rest)
        return _WarmingUp(optimizer, inner, self.steps, self.start_factor)

    @property
    def horizon(self) -> int | None:
        """The steps of the warm-up and of the schedule after it."""
        return self.steps + (self.then.horizon or 0)


class _WarmingUp(Composed):
    """Rises to where a scheduler has begun, and steps it then."""

    def __init__(
        self, optimizer: Optimizer, inner: LRScheduler, steps: int, start_factor: float
    ) -> None:
        super().__init__(optimizer, [inner])
        self._length = steps
        self._start_factor = start_factor
        self._start()

    def begin(self) -> None:
        """Begin again."""
        begin_first(self._schedulers[0])
        self._start()

    def _start(self) -> None:
        self.last_epoch = 0
        self._targets = get_rates(self.optimizer)
        self._rise()

    def step(self, *values: float) -> None:  # type: ignore[override]  # a monitored value
        """Rise a little, or step the scheduler."""
        self.last_epoch += 1
        if self.last_epoch <= self._length:
            self._rise()
            return
        self._schedulers[0].step(*values)  # type: ignore[arg-type]  # likewise
        self._last_lr = list(get_rates(self.optimizer))

    def _rise(self) -> None:
        done = self.last_epoch / self._length
        factor = self._start_factor + (1 - self._start_factor) * done
        rates = [target * factor for target in self._targets] if done < 1 else self._targets
        set_rates(self.optimizer, rates)
        self._last_lr = list(rates)
