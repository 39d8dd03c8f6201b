# SPDX-License-Identifier: MIT
"""Schedules as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from torch.optim import Optimizer

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Previewable(Protocol):
    """Anything whose learning rates can be seen beforehand."""

    def preview(self, *, steps: int, optimizer: Optimizer | None = None) -> list[list[float]]:
        """Return for each parameter group the learning rate at each step."""


def plot_schedule(
    *schedules: Previewable,
    steps: int,
    optimizer: Optimizer | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the learning rates of schedules over their steps, one line for each parameter group.

    Args:
        *schedules: The schedules, drawn on the same axes.
        steps: The number of steps to draw.
        optimizer: The optimizer whose groups' rates to start from, which stays as it is; by
            default there is one group with a learning rate of 1.
        ax: The axes to draw on; by default new ones.

    Returns:
        The axes, for a title or for ``ax.figure.savefig(...)``.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: There is no schedule.
    """
    if not schedules:
        raise ValueError("plot_schedule needs at least one schedule")
    axes = new_axes() if ax is None else ax
    for schedule in schedules:
        curves = schedule.preview(steps=steps, optimizer=optimizer)
        for group, curve in enumerate(curves):
            name = type(schedule).__name__
            axes.plot(range(steps), curve, label=name if len(curves) == 1 else f"{name}, {group}")
    axes.set_xlabel("step")
    axes.set_ylabel("learning rate")
    axes.legend()
    return axes


def new_axes() -> Axes:
    """Return new axes of matplotlib's, on a figure of their own.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("drawing needs matplotlib: `pip install matplotlib`") from error
    return pyplot.subplots(layout="constrained")[1]
