# SPDX-License-Identifier: MIT
"""What all schedules have in common."""

from __future__ import annotations

import logging
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import IO, Any, Final, Literal, TypeAlias

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from callbacks_core import (
    Callback,
    Logs,
    Monitor,
    NotAttachedError,
    OptimizerSteps,
    PathLike,
    State,
    is_rank_zero,
    one_of,
    whole_number,
)

from ._horizon import misfit, steps_of_run
from ._preview import curves, stand_in
from ._quick_step import quick_step
from ._rates import (
    get_initial_rates,
    get_rates,
    set_initial_rates,
    set_rates,
    throw_away_optimizer,
)
from ._state import apply_state, check_state, save_state, state_of

StepOn: TypeAlias = Literal["epoch", "batch"]

_IDLE_HOOKS: Final[dict[StepOn, tuple[str, ...]]] = {
    "epoch": ("on_epoch_begin", "on_train_batch_end"),
    "batch": ("on_epoch_end",),
}
_TRIAL_STEPS: Final = 10**9
"""The length of the run for which arguments are tried."""

logger = logging.getLogger(__name__)


class LRSchedulerCallback(Callback):
    """Steps one of torch's learning-rate schedulers, and keeps its place when a run is resumed.

    A subclass says in `build` which one. It is built when training begins, with the loop's
    optimizer, and once at construction with a throw-away one, which refuses wrong arguments.

    Each training starts from the learning rates that the optimizer had when this callback first
    met it, so that training again does not decay them twice; unless a state was loaded, and then
    it goes on from there. The state holds the learning rates as well, and sets them when training
    begins: resuming is exact in whatever order optimizer, schedule and files are saved and loaded.

    Args:
        step_on: ``"epoch"`` steps at the end of each epoch; ``"batch"`` once for each step of the
            optimizer, which with accumulation is not each batch.
        monitor: The value in the logs that the scheduler is stepped with, if it takes one.
        groups: How many parameter groups the arguments are made for, where they tell.

    Raises:
        TypeError: *monitor* is not a string.
        ValueError: *step_on* is unknown.

    Attributes:
        groups: How many parameter groups the arguments are made for; 1 when they fit any number.
        past_end: What the schedule does when a run is longer than its `horizon`, for people to
            read; None when it stays as it is.
        run_steps: The steps of the run that `build` builds for; None when the run does not tell.
    """

    past_end: str | None = None

    def __init__(
        self, *, step_on: StepOn = "epoch", monitor: str | None = None, groups: int = 1
    ) -> None:
        one_of("step_on", step_on, ("epoch", "batch"))
        self.step_on: StepOn = step_on
        self.monitor = None if monitor is None else Monitor(monitor)
        self._scheduler: LRScheduler | None = None
        self.groups = groups
        self._base_rates: list[float] = []
        self._initial_rates: list[float | None] = []
        self._loaded: State | None = None
        self._before_first_step = True
        self._quick_step: Callable[[], None] | None = None
        self._steps = OptimizerSteps()
        self.run_steps: int | None = None
        self.build_for(throw_away_optimizer(groups), _TRIAL_STEPS)

    @abstractmethod
    def build(self, optimizer: Optimizer) -> LRScheduler:
        """Return a new scheduler of torch's for *optimizer*, with this callback's arguments."""

    def build_for(self, optimizer: Optimizer, steps: int | None) -> LRScheduler:
        """Return what `build` returns, for a run of so many *steps*, or of an unknown number."""
        before, self.run_steps = self.run_steps, steps
        try:
            return self.build(optimizer)
        finally:
            self.run_steps = before

    @property
    def horizon(self) -> int | None:
        """The steps after which the schedule has come to its end; None when it has none."""
        return None

    def preview(
        self,
        *,
        steps: int,
        optimizer: Optimizer | None = None,
        values: Iterable[float] | None = None,
    ) -> list[list[float]]:
        """Return the learning rates of a run, without touching a model or an optimizer.

        ::

            [curve] = CosineAnnealingLR(T_max=100).preview(steps=100)

        Args:
            steps: The number of steps: of epochs or batches, as *step_on* says.
            optimizer: The optimizer whose groups' rates to start from, which stays as it is; by
                default there is one group with a learning rate of 1.
            values: What a schedule with a *monitor* sees at each step.

        Returns:
            For each parameter group the learning rate at each step.

        Raises:
            TypeError: *steps* is no whole number.
            ValueError: *steps* is less than 1, or *values* are missing or too few.
        """
        whole_number("steps", steps, at_least=1)
        seen = self._seen(steps, values)
        tried = (
            throw_away_optimizer(self.groups, lr=1.0) if optimizer is None else stand_in(optimizer)
        )
        return curves(self.build_for(tried, steps), tried, steps, seen)

    def _seen(self, steps: int, values: Iterable[float] | None) -> Sequence[float] | None:
        if self.monitor is None:
            return None
        seen = [] if values is None else list(values)
        if len(seen) < steps - 1:
            raise ValueError(
                f"{type(self).__name__} follows {self.monitor.name!r}: pass `values` of it, at "
                f"least {steps - 1} for {steps} steps, not {len(seen)}"
            )
        return seen

    def listens_to(self, hook: str) -> bool:
        """Whether *hook* does anything here; those of batches do only when stepping on them."""
        inherited = getattr(type(self), hook) is getattr(LRSchedulerCallback, hook)
        if inherited and hook in _IDLE_HOOKS[self.step_on]:
            return False
        return super().listens_to(hook)

    def on_train_begin(self, logs: Logs) -> None:
        """Build the scheduler, at its start or at the place that was loaded.

        Raises:
            ValueError: There is no optimizer, or it has not as many groups as the rates loaded,
                or the schedule needs to know how long the run is, which it does not tell.
        """
        optimizer = self.model.optimizer
        if optimizer is None:
            raise ValueError(f"{type(self).__name__} needs an optimizer, and the model has none")
        if self._loaded is not None:
            self._base_rates = list(self._loaded["base_rates"])
            self._initial_rates = list(self._loaded["initial_rates"])
        elif self._scheduler is None or self._scheduler.optimizer is not optimizer:
            self._base_rates = get_rates(optimizer)
            self._initial_rates = get_initial_rates(optimizer)
        set_rates(optimizer, self._base_rates)
        set_initial_rates(optimizer, self._initial_rates)
        self._scheduler = self.build_for(optimizer, steps_of_run(self._params, self.step_on))
        # Parts of a composed one step for the first time at any step, which torch warns of when
        # the optimizer has not: an epoch may have had no step at all with mixed precision.
        optimizer._opt_called = True  # type: ignore[attr-defined]  # torch's own mark
        self._before_first_step = True
        self._quick_step = None
        if self._loaded is not None:
            apply_state(self._loaded, self._scheduler)
            self._loaded = None
        self._tell_of_misfit()
        if self.step_on == "batch":
            self._steps.watch(optimizer)

    def _tell_of_misfit(self) -> None:
        # The total of a state that was loaded goes before that of the arguments.
        horizon, params = getattr(self._scheduler, "total_steps", self.horizon), self._params
        if horizon is None or params is None:
            return
        name = type(self).__name__
        message = misfit(name, horizon, params, self.step_on, self.past_end)
        if message is not None and is_rank_zero():
            logger.warning(message)

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Forget steps that were taken before this callback was heard, under a `DelayCallback`."""
        self._steps.take()

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Step as often as the optimizer has, when stepping on batches."""
        steps = self._steps.take()
        if steps == 1 and self._quick_step is not None:
            self._quick_step()
            return
        for _ in range(steps):
            self._step(logs)

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Step, when stepping on epochs."""
        if self.step_on == "epoch":
            self._step(logs)

    def _step(self, logs: Logs) -> None:
        if self._scheduler is None:
            raise NotAttachedError(f"{type(self).__name__} steps in a training that has begun only")
        step: Callable[..., None] = self._scheduler.step
        values = () if self.monitor is None else (self.monitor.value(logs),)
        self._loaded = None
        if not self._before_first_step:
            step(*values)
            if self.monitor is None:
                self._quick_step = quick_step(self._scheduler)
            return
        self._before_first_step = False
        with warnings.catch_warnings():
            # Another library may have put its own in place of the optimizer's `step`.
            warnings.filterwarnings("ignore", message=r".*`optimizer\.step\(\)`")
            step(*values)

    def on_train_end(self, logs: Logs) -> None:
        """Count the optimizer's steps no longer."""
        self._steps.release()

    def close(self) -> None:
        """Count the optimizer's steps no longer."""
        self._steps.release()

    def state_dict(self) -> State:
        """Return the scheduler's state and the learning rates; empty before the first training."""
        if self._loaded is not None:
            return deepcopy(self._loaded)
        if self._scheduler is None:
            return {}
        return {
            **state_of(self._scheduler),
            "base_rates": list(self._base_rates),
            "initial_rates": list(self._initial_rates),
        }

    def load_state_dict(self, state: State) -> None:
        """Take up a state: at once when training has begun, and in any case when it begins next.

        Raises:
            ValueError: It is not the state of such a callback.
        """
        if not state:
            return
        check_state(type(self).__name__, state)
        self._loaded = deepcopy(state)
        self._quick_step = None
        if self._scheduler is not None:
            self._base_rates = list(state["base_rates"])
            self._initial_rates = list(state["initial_rates"])
            apply_state(self._loaded, self._scheduler)

    def save_state(self, file: PathLike | IO[bytes]) -> None:
        """Save the state, durably when *file* is a path.

        Args:
            file: A path, or a file that is open for writing bytes.
        """
        save_state(self.state_dict(), file)

    def load_state(self, file: PathLike | IO[bytes]) -> None:
        """Load a state that `save_state` saved; nothing in the file can run code.

        Args:
            file: A path, or a file that is open for reading bytes.

        Raises:
            ValueError: It is not the state of such a callback.
        """
        self.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))

    def __getstate__(self) -> dict[str, Any]:
        """Pickle and copy the arguments and what was loaded, without the optimizer."""
        return {**super().__getstate__(), "_scheduler": None, "_quick_step": None}
