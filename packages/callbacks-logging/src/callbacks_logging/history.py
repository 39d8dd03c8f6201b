# SPDX-License-Identifier: MIT
"""The logger that keeps everything in memory."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from callbacks_core import RowPacker, one_of, unpacked

from .base import Batches, Logger

if TYPE_CHECKING:
    from callbacks_core import State


class HistoryLogger(Logger):
    """Keep the values of each epoch, and of each batch if asked to, in memory.

    It is for notebooks, sweeps and tests, where the values are wanted right after training. A
    resumed training goes on with those of its state.

    Args:
        batch_granularity: Whether to keep the values of each training batch too.

    Attributes:
        epochs: For each epoch its values by their names, as a CSV file has them.
        batches: The same for each batch, with the number of its ``epoch``.
        tests: The values of each test.

    Example:
        >>> from callbacks_core.testing import play
        >>> history = HistoryLogger()
        >>> _ = play(history, [{"loss": 0.5}, {"loss": 0.25}])
        >>> [values["loss"] for values in history.epochs]
        [0.5, 0.25]
    """

    epoch_timeout = 5.0

    def __init__(self, *, batch_granularity: bool = False) -> None:
        self.batch_granularity = batch_granularity
        self.epochs: list[dict[str, float]] = []
        self.batches: list[dict[str, float]] = []
        self.tests: list[dict[str, float]] = []
        self._resuming = False
        self._packers = {"epochs": RowPacker(), "batches": RowPacker()}

    def begin(self, epoch: int, *, resumed: bool) -> None:
        """Forget another training, or what a resumed one is about to do again."""
        self.epochs = [values for values in self.epochs if resumed and values["epoch"] < epoch]
        if not (resumed and self._resuming):  # else the middle of an epoch is gone on with
            self.batches = [row for row in self.batches if resumed and row["epoch"] < epoch]
        self._resuming = False

    def write_batches(self, batches: Batches) -> None:
        """Keep the values of some batches."""
        self.batches.extend({"epoch": batches.epoch, **row} for row in batches.rows())

    def write_epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Keep the values of an epoch."""
        self.epochs.append(values)

    def write_test(self, values: dict[str, float]) -> None:
        """Keep the values of a test."""
        self.tests.append(values)

    def to_dataframe(self, kind: str = "epochs") -> Any:
        """Return the values as a pandas `DataFrame` with a row for each epoch, batch or test.

        Args:
            kind: ``"epochs"``, ``"batches"`` or ``"tests"``.

        Raises:
            ImportError: pandas is not installed.
            ValueError: *kind* is none of the three.
        """
        one_of("kind", kind, ("epochs", "batches", "tests"))
        if find_spec("pandas") is None:
            raise ImportError("a DataFrame needs pandas: pip install pandas")
        return import_module("pandas").DataFrame(getattr(self, kind))

    def sink_state(self) -> State:
        """Return all values."""
        kept = {"epochs": self.epochs, "batches": self.batches}
        return {name: self._packers[name].pack(rows) for name, rows in kept.items() if rows}

    def load_sink_state(self, state: State) -> None:
        """Take up all values."""
        self.epochs = unpacked(state.get("epochs", ()))
        self.batches = unpacked(state.get("batches", ()))
        self._resuming = bool(state)
