# SPDX-License-Identifier: MIT
"""The values of each epoch, read from whatever holds them."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from callbacks_core import PathLike, as_path, did_you_mean

NOT_METRICS: Final = frozenset({"epoch", "time", "batch", "size"})
"""Names in the logs of an epoch that are no curves."""

VALIDATION: Final = "val_"


class _DataFrame(Protocol):
    """The part of a pandas DataFrame that is needed."""

    def to_dict(self, orient: str) -> Any:
        """Return the rows, with *orient* ``"records"``."""


History: TypeAlias = "Sequence[Mapping[str, Any]] | PathLike | _DataFrame"


class Curve:
    """One value over the epochs.

    Attributes:
        epochs: The numbers of the epochs that have the value.
        values: The value of each; it may be NaN.
    """

    def __init__(self, epochs: list[float], values: list[float]) -> None:
        self.epochs = epochs
        self.values = values

    def best(self, mode: str) -> tuple[float, float] | None:
        """Return the epoch and the value of the best one; None if all are NaN.

        Args:
            mode: ``"min"`` when smaller is better, ``"max"`` when larger is.
        """
        pairs = zip(self.values, self.epochs, strict=True)
        numbers = [(value, epoch) for value, epoch in pairs if not math.isnan(value)]
        if not numbers:
            return None
        choose = min if mode == "min" else max
        value, epoch = choose(numbers, key=lambda pair: pair[0])  # the first one, if several
        return epoch, value


class Table:
    """The values of each epoch.

    Args:
        history: What a training returned, a list of dicts; the file that a `CSVLogger` wrote; or
            a pandas DataFrame with a row an epoch.

    Raises:
        TypeError: *history* is none of the three.
        ValueError: There is no epoch in it.
        OSError: The file cannot be read.
    """

    def __init__(self, history: History) -> None:
        self._rows = [row for row in _rows(history) if _number(row.get("epoch", 1)) is not None]
        if not self._rows:
            raise ValueError("`history` has no epoch to draw")
        self.names = list(dict.fromkeys(name for row in self._rows for name in row))
        curves = (name for name in self.names if name not in NOT_METRICS and self._has(name))
        self.metrics = list(dict.fromkeys(name.removeprefix(VALIDATION) for name in curves))

    def _has(self, name: str) -> bool:
        return any(_number(row.get(name)) is not None for row in self._rows)

    def require(self, metric: str) -> None:
        """Raise unless *metric* is one of those there are.

        Raises:
            ValueError: It is not; the message has those there are, and the near miss.
        """
        if metric not in self.metrics:
            there = ", ".join(map(repr, self.metrics)) or "none"
            raise ValueError(
                f"there is no metric {metric!r} in `history`, which has {there}"
                f"{did_you_mean(metric, self.metrics)}"
            )

    def curve(self, name: str) -> Curve | None:
        """Return the curve of *name*, without the epochs that lack it; None if all do."""
        epochs, values = [], []
        for index, row in enumerate(self._rows, 1):
            value = _number(row.get(name))
            if value is not None:
                epochs.append(_number(row.get("epoch")) or index)
                values.append(value)
        return Curve(epochs, values) if values else None


def _rows(history: Any) -> Iterable[Mapping[str, Any]]:
    if isinstance(history, str | os.PathLike):
        return _read(as_path("history", history))
    if hasattr(history, "to_dict"):
        rows: list[Mapping[str, Any]] = history.to_dict("records")
        return rows
    if isinstance(history, Sequence) and all(isinstance(row, Mapping) for row in history):
        return history
    raise TypeError(
        "`history` must be a list of dicts, the path of a CSV file or a pandas DataFrame, not "
        f"{type(history).__name__}"
    )


def _read(path: Path) -> list[dict[str, Any]]:
    with open(path, encoding="utf-8", newline="") as file:
        header = file.readline()
        begins_well = header.startswith("epoch") and len(header) > len("epoch")
        separator = header[len("epoch")] if begins_well else ","
        file.seek(0)
        rows = csv.DictReader(file, delimiter="," if separator in "\r\n" else separator)
        return [row for row in rows if row.get("epoch", "1") != ""]  # else it is a batch's


def _number(value: object) -> float | None:
    if value is None or value == "":
        return None
    try:
        return float(value)  # type: ignore[arg-type]  # what is no number raises
    except (TypeError, ValueError):
        return None
