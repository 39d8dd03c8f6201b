# SPDX-License-Identifier: MIT
"""The log of an experiment, as it is read again."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from callbacks_core import Mode, PathLike, did_you_mean, durable_open


def read_log(path: Path) -> list[dict[str, float]]:
    """Return the rows of a file of tab-separated values, the numbers of epochs as integers.

    A cell without a value is NaN. A file that is not there has no rows.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return [_row(row) for row in csv.DictReader(file, delimiter="\t")]
    except FileNotFoundError:
        return []


def _row(row: dict[str, str]) -> dict[str, float]:
    values = {name: float(text) if text else math.nan for name, text in row.items()}
    if "epoch" in values:
        values["epoch"] = int(values["epoch"])
    return values


def write_log(path: PathLike, row: dict[str, float]) -> None:
    """Write a file of a header and one row."""
    with durable_open(path, "w") as file:
        file.write("\t".join(row) + "\n" + "\t".join(map(str, row.values())) + "\n")


def best_row(rows: Sequence[dict[str, float]], metric: str, mode: Mode) -> dict[str, float]:
    """Return the first row with the best value.

    Args:
        rows: At least one.
        metric: The name of the value; NaN is never the best.
        mode: ``"min"`` or ``"max"``.

    Raises:
        KeyError: There is no such value.
        ValueError: It is NaN everywhere.
    """
    if metric not in rows[0]:
        names = [name for name in rows[0] if name not in ("epoch", "time")]
        raise KeyError(
            f"the log has no {metric!r}{did_you_mean(metric, names)}; it has {', '.join(names)}"
        )
    numbers = [row for row in rows if not math.isnan(row[metric])]
    if not numbers:
        raise ValueError(f"{metric!r} is NaN in every epoch: none is the best")
    choose = min if mode == "min" else max
    return choose(numbers, key=lambda row: row[metric])
