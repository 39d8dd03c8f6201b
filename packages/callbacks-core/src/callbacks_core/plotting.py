# SPDX-License-Identifier: MIT
"""Curves as a picture, with matplotlib where it is installed.

It is for the packages that draw something: each has an extra ``plot``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def new_axes(distribution: str) -> Axes:
    """Return new axes of matplotlib's, on a figure of their own.

    Args:
        distribution: The distribution that draws, whose extra ``plot`` brings matplotlib.

    Raises:
        ImportError: matplotlib is not installed; the message names the extra.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            f'drawing needs matplotlib: pip install "{distribution}[plot]"'
        ) from error
    return pyplot.subplots(layout="constrained")[1]


def draw_curves(
    curves: Iterable[tuple[str, Sequence[float]]],
    *,
    ylabel: str,
    ax: Axes | None,
    distribution: str,
) -> Axes:
    """Draw values over the steps they are at, one line for each curve, with a legend.

    Args:
        curves: The name and the values of each.
        ylabel: What the values are.
        ax: The axes to draw on; None for new ones.
        distribution: The distribution that draws.

    Returns:
        The axes.

    Raises:
        ImportError: matplotlib is not installed.
    """
    axes = new_axes(distribution) if ax is None else ax
    for name, values in curves:
        axes.plot(range(len(values)), values, label=name)
    axes.set_xlabel("step")
    axes.set_ylabel(ylabel)
    axes.legend()
    return axes
