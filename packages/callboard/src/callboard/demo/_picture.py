# SPDX-License-Identifier: MIT
"""The curves of a run, in one picture."""

from __future__ import annotations

from pathlib import Path

from callbacks_logging import plot_history


def draw_curves(log: Path, picture: Path) -> None:
    """Draw the loss, the accuracy and the learning rate of each epoch into a PNG file.

    Args:
        log: What the `CSVLogger` wrote.
        picture: The file to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.6), dpi=120, layout="constrained")
    axes = figure.subplots(1, 3)
    plot_history(
        log,
        ["loss", "accuracy", "lr"],
        labels=["", "", ""],
        titles=["loss", "accuracy, %", "learning rate"],
        axes=axes,
        best={"accuracy": "max"},
    )
    axes[0].set_yscale("log")
    figure.savefig(picture)
