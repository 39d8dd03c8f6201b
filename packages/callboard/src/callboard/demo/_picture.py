# SPDX-License-Identifier: MIT
"""The curves of a run, drawn from its CSV file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any


def draw_curves(log: Path, picture: Path) -> None:
    """Draw the loss, the accuracy and the learning rate of each epoch into a PNG file.

    Args:
        log: What the `CSVLogger` wrote.
        picture: The file to write.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with open(log, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    epochs = [int(row["epoch"]) for row in rows]
    figure = Figure(figsize=(11, 3.6), dpi=120, layout="constrained")
    axes = figure.subplots(1, 3)
    for name, title, axis in (("loss", "loss", axes[0]), ("accuracy", "accuracy, %", axes[1])):
        for prefix, label in (("", "training"), ("val_", "validation")):
            values = [float(row[prefix + name]) for row in rows]
            axis.plot(epochs, values, marker="o", markersize=3, label=label)
        _finish(axis, title)
        axis.legend(frameon=False)
    axes[0].set_yscale("log")
    axes[2].plot(epochs, [float(row["lr"]) for row in rows], marker="o", markersize=3, color="C2")
    _finish(axes[2], "learning rate")
    for axis in axes:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.savefig(picture)


def _finish(axis: Any, title: str) -> None:
    axis.set_title(title)
    axis.set_xlabel("epoch")
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
