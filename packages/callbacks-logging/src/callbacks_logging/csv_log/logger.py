# SPDX-License-Identifier: MIT
"""The callback that writes a CSV file."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Final

from callbacks_core import Callback, as_path, is_rank_zero, probe

from .._learning_rates import LearningRates
from .._waiting import read_all
from .alike import require_alike, require_columns
from .resume import rows_to_keep
from .table import Table

if TYPE_CHECKING:
    from callbacks_core import FailurePolicy, Logs, PathLike, State

_logger = logging.getLogger(__name__)

_CHUNK: Final = 256
_SECONDS: Final = 1.0
_WRITTEN_WITH: Final = "\"'\r\n.-+"


class CSVLogger(Callback):
    r"""Write the values of each epoch, or of each batch as well, into a CSV file.

    The columns are ``epoch``, ``time``, ``lr`` (or ``lr_group_0`` and so on), ``loss``, the
    metrics, and the same with ``val_``, which stay blank without a validation. With batches they
    begin ``epoch``, ``batch``, ``size``, ``time``. The learning rate is the one that the epoch was
    trained with, wherever the logger stands in the list. A value that appears later gets a column
    of its own. What a spreadsheet would take for a formula is written as text.

    Rows of epochs are in the file when the epoch has ended; those of batches are read from the
    device in chunks, and are in the file a second later.

    Args:
        filename: The file. Missing parents are made.
        batch_granularity: Whether to write a row for each training batch too.
        separator: The character between two cells.
        append: Whether to write below what the file holds already. When training goes on with an
            epoch later than the first, rows past that point are dropped: no epoch is there twice.
        fill_batch_rows: Whether the rows of batches have an epoch and a learning rate; by default
            these cells are blank, which tells them from the rows of epochs.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *separator* is not a single character that can separate cells, or *filename*
            is empty.
    """

    on_error: FailurePolicy = "disable"

    def __init__(
        self,
        filename: PathLike,
        *,
        batch_granularity: bool = False,
        separator: str = ",",
        append: bool = False,
        fill_batch_rows: bool = False,
    ) -> None:
        self.filename = filename
        self.batch_granularity = batch_granularity
        self.separator = separator
        self.append = append
        self.fill_batch_rows = fill_batch_rows
        _check_separator(separator)
        self._table = Table(as_path("filename", filename), separator)
        self._restored: int | None = None  # the number of rows in a restored state
        self._reset()

    def _reset(self) -> None:
        self._active = False
        self._epoch = 0
        self._rates = LearningRates()
        self._batches: list[Mapping[str, float]] = []
        self._batch_cells: list[dict[str, object]] = []
        self._rows: deque[dict[str, object]] = deque()
        self._due = 0.0
        self._resuming = False  # the file has rows, of which some may have to go
        self._batch_unchecked = self._epoch_unchecked = False  # their names, against its columns

    def listens_to(self, hook: str) -> bool:
        """Whether *hook* matters; batches do where they are written, or columns compared."""
        if hook == "on_train_batch_end":
            return self.batch_granularity or self.append
        return super().listens_to(hook)

    def on_train_begin(self, logs: Logs) -> None:
        """Open the file.

        Raises:
            HopelessPathError: It can never be written.
            OtherColumnsError: It is to be appended to, and is no log like this one.
        """
        self._reset()
        if not is_rank_zero():
            return
        probe(self._table.path)
        self._active = True
        if not self.append and self._restored is None:
            self._table.start()
            return
        self._table.take_up()
        self._resuming = bool(self._table.columns)
        if self._resuming:
            self._rates.begin(self.model)
            require_alike(self._table, list(self._rates.values()), self.batch_granularity)

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Drop what a resumed training is about to write again."""
        if not self._active:
            return
        self._epoch = epoch_number
        self._rates.begin(self.model)
        if self._resuming:
            self._resuming = False
            self._resume(epoch_number)

    def _resume(self, epoch: int) -> None:
        keep = self._restored
        if keep is None:
            keep = rows_to_keep(self._table.read(), epoch)
        elif keep > self._table.rows:
            _logger.warning(
                "%s has %d rows where %d were written before",
                self._table.path,
                self._table.rows,
                keep,
            )
        self._restored = None
        self._table.cut(keep)
        self._batch_unchecked = self._epoch_unchecked = self._table.rows > 0

    def on_backward_end(self, batch_number: int) -> None:
        """Remember the learning rates of the step."""
        if self._active:
            self._rates.step()

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Keep the values of the batch, and write those kept when it is time.

        Raises:
            OtherColumnsError: The file that is appended to lacks a column.
        """
        if self._batch_unchecked:
            self._batch_unchecked = False
            ours = {"batch", "size"} if not self.batch_granularity else ()
            require_columns(self._table, [name for name in logs if name not in ours])
        if not self.batch_granularity or not self._active:
            return
        self._batches.append(logs)
        self._batch_cells.append(self._leading_cells())
        now = perf_counter()
        if len(self._batches) >= _CHUNK or now >= self._due:
            self._due = now + _SECONDS
            self._write()

    def _leading_cells(self) -> dict[str, object]:
        rates = self._rates.values()
        if self.fill_batch_rows:
            return {"epoch": self._epoch, **rates}
        return dict.fromkeys(("epoch", *rates))

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Write the values of the epoch.

        Raises:
            OtherColumnsError: The file that is appended to lacks a column.
        """
        if not self._active:
            return
        row: dict[str, object] = {**logs, **self._rates.values()}
        if self._epoch_unchecked:
            require_columns(self._table, row)
            self._epoch_unchecked = False
        self._collect()
        self._rows.append(row)
        self._write()

    def _collect(self) -> None:
        """Turn the batches that are kept into rows."""
        numbers = read_all(self._batches)
        for leading, values in zip(self._batch_cells, numbers, strict=True):
            self._rows.append({**leading, **values})
        self._batches = []
        self._batch_cells = []

    def _write(self) -> None:
        """Write the rows; one that cannot be written now is kept for the next time."""
        self._collect()
        while self._rows:
            self._table.add(self._rows[0])
            self._rows.popleft()
        self._table.flush()

    def on_train_end(self, logs: Logs) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Write what is left and close the file."""
        if not self._active:
            return
        self._active = False
        try:
            self._write()
        finally:
            self._table.close()
            self._rates = LearningRates()

    def state_dict(self) -> State:
        """Return how many rows there are, once all of them are on the disk."""
        if self._active:
            self._write()
            self._table.sync()
        rows = self._table.rows if self._restored is None else self._restored
        return {"rows": rows} if rows else {}

    def load_state_dict(self, state: State) -> None:
        """Go on below so many rows of the file when training begins next."""
        self._restored = int(state["rows"]) if "rows" in state else None


def _check_separator(separator: str) -> None:
    if not isinstance(separator, str):
        raise TypeError(f"`separator` must be a str, not {separator!r}")
    if len(separator) != 1:
        raise ValueError(f"`separator` must be a single character, not {separator!r}")
    if separator.isalnum() or separator in _WRITTEN_WITH:
        raise ValueError(f"`separator` cannot be {separator!r}, which values are written with")
