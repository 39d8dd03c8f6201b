# SPDX-License-Identifier: MIT
"""What an experiment has left in its directory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from importlib import import_module
from math import isnan, nan
from pathlib import Path
from typing import Any, TypeAlias

from callbacks_core import Mode, PathLike, as_path
from callbacks_logging import plot_history

from ._files import Files
from ._log import best_row, read_log

Checkpoint: TypeAlias = "str | int | os.PathLike[str]"
"""Whose weights: ``"best"``, ``"last"``, the number of an epoch, or a file."""


class Results:
    """The log of an experiment and the weights of its epochs, and which of them are the best.

    Args:
        directory: Where they are.
        monitoring: Whether the best epoch counts, or else the last one.
        metric: The value that tells which epoch is best.
        mode: ``"min"`` or ``"max"``.
        may_change: Whether, where there was no validation, the same value of the training does.
    """

    def __init__(
        self,
        directory: PathLike,
        monitoring: bool,
        metric: str,
        mode: Mode,
        *,
        may_change: bool,
    ) -> None:
        self.directory = as_path("directory", directory)
        self.monitoring = monitoring
        self.monitor_metric = metric
        self.monitor_mode: Mode = mode
        self._may_change_metric = may_change
        self._files = Files(self.directory)

    def get_path(self, *parts: str) -> str:
        """Return the path of something in the directory."""
        return os.path.join(self.directory, *parts)

    def _find(self, checkpoint: Checkpoint) -> tuple[Path, dict[str, float]]:
        if checkpoint == "best" and not self.monitoring:
            checkpoint = "last"
        history = self.history
        if checkpoint in ("best", "last") and not history:
            raise FileNotFoundError(f"nothing was trained yet in {str(self.directory)!r}")
        if checkpoint == "best":
            checkpoint = int(self._best(self._saved(history))["epoch"])
        if checkpoint == "last":
            return self._files.last, {"epoch": history[-1]["epoch"]}
        if isinstance(checkpoint, bool) or not isinstance(checkpoint, int | str | os.PathLike):
            raise TypeError(
                f"`checkpoint` must be 'best', 'last', the number of an epoch or a file, not "
                f"{checkpoint!r}"
            )
        if not isinstance(checkpoint, int):
            return as_path("checkpoint", checkpoint), {}
        path = self._files.of_epoch(checkpoint)
        if not path.exists():
            saved = ", ".join(str(int(row["epoch"])) for row in self._saved(history))
            raise FileNotFoundError(
                f"there are no weights of epoch {checkpoint} in {str(self.directory)!r}, only of: "
                f"{saved or 'none'}"
            )
        return path, {"epoch": checkpoint}

    def _saved(self, history: Iterable[dict[str, float]]) -> list[dict[str, float]]:
        return [row for row in history if self._files.of_epoch(int(row["epoch"])).exists()]

    def _best(self, rows: Sequence[dict[str, float]]) -> dict[str, float]:
        if not rows:
            raise FileNotFoundError(f"no epoch's weights are in {str(self.directory)!r}")
        return best_row(rows, self._metric_of(rows), self.monitor_mode)

    def _metric_of(self, rows: Iterable[dict[str, float]]) -> str:
        """Return what tells the best of these epochs, which may have had no validation."""
        metric = self.monitor_metric
        validated = any(not isnan(row.get(metric, nan)) for row in rows)
        return metric if validated or not self._may_change_metric else metric.removeprefix("val_")

    @property
    def history(self) -> list[dict[str, float]]:
        """The logs of all epochs so far, as they are in ``log.tsv``."""
        return read_log(self._files.log)

    def get_stats(self) -> Any:
        """Return the logs of all epochs as a pandas data frame.

        Raises:
            ImportError: pandas is not installed; `history` needs none.
        """
        return _frame(self.history)

    def plot_history(self, **options: Any) -> tuple[list[Any], list[Any]]:
        """Draw each metric over the epochs; arguments are those of `callboard.plot_history`.

        Returns:
            The figures and the axes.

        Raises:
            ImportError: matplotlib is not installed.
        """
        return plot_history(self.history, **options)

    def get_best_epoch_stats(self) -> Any:
        """Return the logs of the best epoch, a data frame of one row.

        Raises:
            FileNotFoundError: Nothing was trained yet.
            ImportError: pandas is not installed.
            KeyError: The log lacks what tells the best epoch.
        """
        return _frame([self._best(self.history)])

    def get_saved_epochs(self) -> Any:
        """Return the logs of those epochs whose weights are there.

        Raises:
            ImportError: pandas is not installed.
        """
        return _frame(self._saved(self.history))

    def is_better_than(self, other: Results) -> bool:
        """Whether the best epoch of this experiment is better than that of another.

        Args:
            other: An experiment that monitors the same value.

        Raises:
            FileNotFoundError: One of the two has trained nothing yet.
            TypeError: *other* is no experiment.
            ValueError: It monitors another value, or in the other direction.
        """
        if not isinstance(other, Results):
            raise TypeError(f"`other` must be an Experiment, not {type(other).__name__}")
        mine = (self.monitor_metric, self.monitor_mode)
        theirs = (other.monitor_metric, other.monitor_mode)
        if mine != theirs:
            raise ValueError(f"the two monitor different values: {mine} and {theirs}")
        best, others = self._best(self.history), other._best(other.history)
        metric = self._metric_of([best])
        if metric != other._metric_of([others]):
            raise ValueError("one of the two was trained with a validation, the other without")
        difference = best[metric] - others[metric]
        return difference < 0 if self.monitor_mode == "min" else difference > 0


def _frame(rows: list[dict[str, float]]) -> Any:
    try:
        return import_module("pandas").DataFrame(rows)
    except ImportError:
        raise ImportError(
            "a data frame needs pandas: pip install pandas; `experiment.history` needs none"
        ) from None
