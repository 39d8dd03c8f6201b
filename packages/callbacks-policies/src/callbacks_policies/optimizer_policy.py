# SPDX-License-Identifier: MIT
"""Move the optimizer's settings through phases, step by step."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from callbacks_core import Callback, Logs, OptimizerSteps, State, did_you_mean, whole_number
from callbacks_core.plotting import draw_curves

from ._groups import check_group, indices_of
from ._settings import check_names, read, write
from .phase import Phase

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch.optim import Optimizer


class OptimizerPolicy(Callback):
    """Take the optimizer through phases, one after another.

    Before each batch every parameter group, or the one asked for, gets the settings of the step
    that comes next. Steps are those of the optimizer: with accumulation, all batches of a step
    share its settings. After the last phase the settings stay as they are. Each training starts
    at *initial_step*, unless the policy's state was restored.

    Args:
        phases: The phases, in their order.
        initial_step: The step to start at, counted from 0. What the phases before it would have
            left behind is set when training begins.
        group: The parameter group that the phases are for, by its index or its name; None for all
            of them. A name is the group's ``"name"``, or in an optimizer that was made of named
            parameters that of the module that the group is of, such as ``"head"``. For several
            groups use a policy for each.

    Raises:
        TypeError: *phases* holds something that is no `Phase`, *initial_step* is not a whole
            number, or *group* is neither an index nor a name.
        ValueError: There is no phase, or *initial_step* or *group* is negative.

    Attributes:
        current_step: The number of steps done.
    """

    def __init__(
        self, phases: Iterable[Phase], *, initial_step: int = 0, group: int | str | None = None
    ) -> None:
        whole_number("initial_step", initial_step, at_least=0)
        check_group(group)
        self.phases = _listed(phases)
        self.initial_step = initial_step
        self.group = group
        self.current_step = initial_step
        self._ends = list(accumulate(map(len, self.phases)))
        self._begins = [0, *self._ends]
        self._steps = OptimizerSteps()
        self._indices: list[int] | None = None
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
            *([] if self.group is None else [f"group: {self.group!r}"]),
            "phases:",
            f"    {phases}",
        )
        return "\n    ".join(lines)

    @property
    def _driven(self) -> list[dict[str, Any]]:
        groups = self._optimizer.param_groups  # other dicts, once the optimizer has loaded a state
        return groups if self._indices is None else [groups[index] for index in self._indices]

    def preview(
        self, *, steps: int | None = None, optimizer: Optimizer | None = None, name: str = "lr"
    ) -> list[list[float]]:
        """Return the values of a setting in a run, without touching a model or an optimizer.

        Args:
            steps: The number of steps of the run; by default those to the end of the phases.
            optimizer: The optimizer whose groups the run begins with, which stays as it is; by
                default there is one group, whose settings before the first phase that sets them
                are unknown, and NaN.
            name: The setting's name.

        Returns:
            For each parameter group the value at each step.

        Raises:
            TypeError: *steps* is no whole number.
            ValueError: *steps* is less than 1, no phase has the setting, or the optimizer lacks
                the group or the setting.
        """
        if steps is None:
            steps = max(len(self) - self.initial_step, 1)
        whole_number("steps", steps, at_least=1)
        if name not in self._names:
            raise ValueError(
                f"no phase has the setting {name!r}; they have "
                f"{', '.join(map(repr, self._names))}{did_you_mean(name, self._names)}"
            )
        if optimizer is None:
            return [self._course(name, steps, math.nan)]
        driven = indices_of(optimizer, self.group)
        check_names(optimizer, range(len(optimizer.param_groups)), [name])
        begins = [read(group, [name])[name] for group in optimizer.param_groups]
        return [
            self._course(name, steps, value) if index in driven else [value] * steps
            for index, value in enumerate(begins)
        ]

    def _course(self, name: str, steps: int, value: float) -> list[float]:
        """Return a setting's values from the initial step on, which is *value* before."""
        course: list[float] = []
        end = self.initial_step + steps
        for phase, begin in zip(self.phases, self._begins, strict=False):
            inside = range(len(phase))[max(self.initial_step - begin, 0) : max(end - begin, 0)]
            if name not in phase.names:
                course += [value] * len(inside)
                continue
            course += phase.values(name, steps=slice(inside.start, inside.stop))
            value = phase.values(name, steps=slice(len(phase) - 1, None))[0]
        return course + [value] * (steps - len(course))

    def plot(self, param_name: str = "lr", ax: Axes | None = None) -> Axes:
        """Draw a setting over the steps of all phases.

        Args:
            param_name: The setting's name.
            ax: The axes to draw on; by default new ones.

        Returns:
            The axes, for a title or for ``ax.figure.savefig(...)``.

        Raises:
            ImportError: matplotlib is not installed; the extra ``plot`` brings it.
            ValueError: No phase has such a setting.
        """
        curves = [(param_name, self.preview(name=param_name)[0])]
        return draw_curves(curves, ylabel=param_name, ax=ax, distribution="callbacks-policies")

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
            ValueError: There is no optimizer, it lacks the group or a setting of the phases, or
                has not as many parameter groups as the state.
        """
        optimizer = self._optimizer
        indices = indices_of(optimizer, self.group)
        check_names(optimizer, indices, self._names)
        restored, self._restored = self._restored, None
        self.current_step = self.initial_step if restored is None else restored["step"]
        self._steps.watch(optimizer)
        self._indices, self._begun = None if self.group is None else indices, True
        groups = self._driven
        left = restored["groups"] if restored else []
        left = left or [self._left_behind()] * len(groups)
        if len(left) != len(groups):
            raise ValueError(
                f"the policy's state has settings for {len(left)} parameter groups, but the "
                f"optimizer has {len(groups)}{'' if self.group is None else ' of that name'}"
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
        for group in self._driven:
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
        groups = self._driven if self._begun else []
        return {
            "step": self.current_step,
            "groups": [read(group, self._names) for group in groups],
        }

    def load_state_dict(self, state: State) -> None:
        """Take up the position and the settings; the next training goes on from them."""
        self.current_step = int(state["step"])
        self._restored = state

    def __getstate__(self) -> dict[str, Any]:
        """Pickle and copy as one that has not begun."""
        return {**super().__getstate__(), "_indices": None, "_begun": False}


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
