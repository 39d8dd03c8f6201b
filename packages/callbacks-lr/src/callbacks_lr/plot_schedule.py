# SPDX-License-Identifier: MIT
"""Schedules as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from torch.optim import Optimizer

from callbacks_core.plotting import draw_curves

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

    Policies of callbacks-policies can be drawn beside them.

    Args:
        *schedules: Schedules or policies, drawn on the same axes.
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
    curves = []
    for schedule in schedules:
        name, groups = type(schedule).__name__, schedule.preview(steps=steps, optimizer=optimizer)
        for index, curve in enumerate(groups):
            curves.append((name if len(groups) == 1 else f"{name}, group {index}", curve))
    return draw_curves(curves, ylabel="learning rate", ax=ax, distribution="callbacks-lr")
