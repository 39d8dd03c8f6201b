# SPDX-License-Identifier: MIT
"""What an experiment takes for granted when it knows what kind of task the network has."""

from __future__ import annotations

from typing import Final, NamedTuple

from callbacks_core import Mode, did_you_mean, one_of


class Task(NamedTuple):
    """The usual loss, metrics and measure of a kind of task."""

    loss_function: str | None = None
    batch_metrics: tuple[str, ...] = ()
    epoch_metrics: tuple[str, ...] = ()
    monitor_metric: str = "val_loss"
    monitor_mode: Mode | None = None


_TASKS: Final = {
    "classif": Task("cross_entropy", ("accuracy",), ("f1",), "val_fscore_macro", "max"),
    "reg": Task("mse", monitor_mode="min"),
}
_NAMES: Final = ("classification", "regression")


def task_named(name: str | None) -> Task:
    """Return the task of a name that begins with ``"classif"`` or ``"reg"``.

    Raises:
        TypeError: *name* is no text.
        ValueError: It is another one.
    """
    if name is None:
        return Task()
    if not isinstance(name, str):
        raise TypeError(f"`task` must be a name such as 'classification', not {name!r}")
    for start, task in _TASKS.items():
        if name.lower().startswith(start):
            return task
    raise ValueError(
        f"`task` must be 'classification' or 'regression', not {name!r}{did_you_mean(name, _NAMES)}"
    )


def monitored(task: Task, metric: str | None, mode: Mode | None) -> tuple[str, Mode]:
    """Return what tells the best epoch, and in which direction.

    Args:
        task: The task.
        metric: The name in the logs; None for the task's own.
        mode: ``"min"`` or ``"max"``; None when it goes without saying.

    Raises:
        ValueError: It does not go without saying, or *mode* is another one.
    """
    if mode is not None:
        one_of("monitor_mode", mode, ("min", "max"))
    name = task.monitor_metric if metric is None else metric
    if mode is None:
        mode = "min" if name.endswith("loss") else task.monitor_mode
    if mode is None:
        raise ValueError(
            f"`monitor_mode` is missing: is {name!r} better when it is smaller ('min') or when it "
            f"is larger ('max')?"
        )
    return name, mode
