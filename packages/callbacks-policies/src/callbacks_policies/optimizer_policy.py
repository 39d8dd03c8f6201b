# SPDX-License-Identifier: MIT
"""Move the optimizer's settings through phases, step by step."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from callbacks_core import Callback, Logs, OptimizerSteps, State, whole_number

from ._settings import check_names, read, write
from .phase import Phase

if TYPE_CHECKING:
    from torch.optim import Optimizer


class OptimizerPolicy(Callback):
    """Take the optimizer through phases, one after another.

    Before each batch every parameter group gets the settings of the step that comes next. Steps
    are those of the optimizer: with accumulation, all batches of a step share its settings. After
    the last phase the settings stay as they are. Each training starts at *initial_step*, unless
    the policy's state was restored.

    Args:
        phases: The phases, in their order.
        initial_step: The step to start at, counted from 0. What the phases before it would have
            left behind is set when training begins.

    Raises:
        TypeError: *phases* holds something that is no `Phase`, or *initial_step* is not a whole
            number.
        ValueError: There is no phase, or *initial_step* is negative.

    Attributes:
        current_step: The number of steps done.
    """

    def __init__(self, phases: Iterable[Phase], *, initial_step: int = 0) -> None:
        whole_number("initial_step", initial_step, at_least=0)
        self.phases = _listed(phases)
        self.initial_step = initial_step
        self.current_step = initial_step
        self._ends = list(accumulate(map(len, self.phases)))
        self._begins = [0, *self._ends]
        self._steps = OptimizerSteps()
        self._begun = False
        self._restored: State | None = None

    def __len__(self) -> int:
        return self._ends[-1]

    def all_steps(self) -> Iterator[dict[str, float]]:
        """Return the settings of every step, from the first phase on."""
        for phase in self.phases:
            yield from phase

    def __iter__(self) -> Iterator[dict[str, float]]:
        return self.all_steps()

    def __repr__(self) -> str:
        phases = "\n".join(map(repr, self.phases)).replace("\n", "\n        ")
        lines = (
            "OptimizerPolicy:",
            f"initial_step: {self.initial_step}",
            "phases:",
            f"    {phases}",
        )
        return "\n    ".join(lines)

    @property
    def _names(self) -> list[str]:
        return list(dict.fromkeys(name for phase in self.phases for name in phase.names))

    @property
    def _optimizer(self) -> Optimizer:
        optimizer = self.model.optimizer
        if optimizer is None:
            raise ValueError("OptimizerPolicy needs an optimizer, and the model has none")
        return optimizer

    def on_train_begin(self, logs: Logs) -> None:
        """Start at the initial step, or go on from a restored state.

        Raises:
            ValueError: There is no optimizer, it lacks a setting of the phases, or has not as
                many parameter groups as the state.
        """
        optimizer = self._optimizer
        check_names(optimizer, self._names)
        restored, self._restored = self._restored, None
        self.current_step = self.initial_step if restored is None else restored["step"]
        self._begun = True
        self._steps.watch(optimizer)
        groups = optimizer.param_groups
        left = restored["groups"] if restored else []
        left = left or [self._left_behind()] * len(groups)
        if len(left) != len(groups):
            raise ValueError(
                f"the policy's state has settings for {len(left)} parameter groups, but the "
                f"optimizer has {len(groups)}"
            )
        for group, settings in zip(groups, left, strict=True):
            write(group, settings)

    def _left_behind(self) -> dict[str, float]:
        """Return the last settings of the phases that are over."""
        left: dict[str, float] = {}
        for phase in self.phases[: bisect_right(self._ends, self.current_step)]:
            left.update(phase[-1])
        return left

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Forget steps that were taken before this callback was heard, under a `DelayCallback`."""
        self._steps.take()

    def on_train_batch_begin(self, batch_number: int, logs: Logs) -> None:
        """Set the settings of the step to come."""
        step = self.current_step
        index = bisect_right(self._ends, step)
        if index == len(self._ends):
            return
        settings = self.phases[index][step - self._begins[index]]
        for group in self._optimizer.param_groups:
            write(group, settings)

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Count the steps that the optimizer has taken."""
        self.current_step += self._steps.take()

    def on_train_end(self, logs: Logs) -> None:
        """Count no longer."""
        self._steps.release()

    def close(self) -> None:
        """Count no longer."""
        self._steps.release()

    def state_dict(self) -> State:
        """Return the number of steps done and the settings that the parameter groups have."""
        if self._restored is not None:
            return self._restored
        groups = self._optimizer.param_groups if self._begun else []
        return {
            "step": self.current_step,
            "groups": [read(group, self._names) for group in groups],
        }

    def load_state_dict(self, state: State) -> None:
        """Take up the position and the settings; the next training goes on from them."""
        self.current_step = int(state["step"])
        self._restored = state


def _listed(phases: object) -> list[Phase]:
    if isinstance(phases, Phase) or not isinstance(phases, Iterable):
        raise TypeError(f"`phases` must be a list of phases, not {phases!r}")
    listed = list(phases)
    for index, phase in enumerate(listed):
        if not isinstance(phase, Phase):
            raise TypeError(f"phases[{index}] must be a Phase, not {phase!r}")
    if not listed:
        raise ValueError("`phases` must hold at least one phase")
    return listed
