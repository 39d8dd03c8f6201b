# SPDX-License-Identifier: MIT
"""The callback that writes a CSV file."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from callbacks_core import as_path, probe

from .._learning_rates import rate_names
from ..base import Batches, Logger, Outcome
from ..files import GrowingFile
from .alike import require_alike, require_columns
from .resume import rows_to_keep
from .table import LogFile, Table

if TYPE_CHECKING:
    from callbacks_core import PathLike, State

_logger = logging.getLogger(__name__)

_WRITTEN_WITH: Final = "\"'\r\n.-+"


class CSVLogger(Logger):
    r"""Write the values of each epoch, or of each batch as well, into a CSV file.

    The columns are ``epoch``, ``time``, ``lr`` (or ``lr_group_0`` and so on), ``loss``, the
    metrics, and the same with ``val_``, which stay blank without a validation. With batches they
    begin ``epoch``, ``batch``, ``size``, ``time``. The learning rate is the one that the epoch was
    trained with, wherever the logger stands in the list. A value that appears later gets a column
    of its own. What a spreadsheet would take for a formula is written as text.

    Rows of epochs are in the file when the epoch has ended; those of batches are read from the
    device in chunks, and are in the file a second later. A thread of the logger's own writes them.

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

    epoch_timeout = 5.0

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
        check_separator(separator)
        self._table = Table(self._file(), separator)
        self._rows: int | None = None  # the number of rows in a restored state
        self._resuming = False  # the file has rows, of which some may have to go
        self._comparing = False  # their names are still to be compared with its columns

    def _file(self) -> LogFile:
        return GrowingFile(as_path("filename", self.filename))

    def listens_to(self, hook: str) -> bool:
        """Whether *hook* matters; batches do where they are written, or columns compared."""
        if hook == "on_train_batch_end":
            return self.batch_granularity or self.append
        return super().listens_to(hook)

    def open(self, *, training: bool) -> None:
        """Open the file.

        Raises:
            HopelessPathError: It can never be written.
            OtherColumnsError: It is to be appended to, and is no log like this one.
        """
        probe(self._table.path)
        self._resuming = False
        self._comparing = False
        if not self.append and self._rows is None:
            self._table.start()
            return
        self._table.take_up()
        self._resuming = bool(self._table.columns)
        if self._resuming:
            optimizer = self.model.optimizer
            rates = rate_names(len(optimizer.param_groups)) if optimizer is not None else []
            require_alike(self._table, rates, self.batch_granularity)

    def begin(self, epoch: int, *, resumed: bool) -> None:
        """Drop what a resumed training is about to write again."""
        keep, self._rows = self._rows, None
        if not self._resuming:
            return
        is_own = keep is not None  # whose columns come as values do, some with the first epoch
        if keep is None:
            keep = rows_to_keep(self._table.read(), epoch)
        elif keep > self._table.rows:
            _logger.warning(
                "%s has %d rows where %d were written before",
                self._table.path,
                self._table.rows,
                keep,
            )
        self._table.cut(keep)
        self._comparing = self._table.rows > 0 and not is_own

    def check_names(self, names: Iterable[str]) -> None:
        """Compare the names with the columns of a file that is appended to.

        Raises:
            OtherColumnsError: It lacks a column.
        """
        if self._comparing:
            ours = {"batch", "size"} if not self.batch_granularity else ()
            require_columns(self._table, [name for name in names if name not in ours])

    def write_batches(self, batches: Batches) -> None:
        """Add a row for each batch."""
        columns = dict(batches.columns)
        columns["epoch"] = [batches.epoch] * len(batches) if self.fill_batch_rows else ()
        for name, rates in batches.rates.items():
            columns[name] = rates if self.fill_batch_rows else ()
        self._table.add_columns(columns, len(batches))

    def write_epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Add a row."""
        self._table.add(values)

    def flush(self) -> None:
        """Hand the rows to the operating system."""
        self._table.flush()

    def finish(self, outcome: Outcome) -> None:
        """Close the file."""
        self._table.close()

    def sink_state(self) -> State:
        """Return how many rows there are, once all of them are on the disk."""
        self._table.sync()
        rows = self._table.rows if self._rows is None else self._rows
        return {"rows": rows} if rows or self._session is not None else {}

    def load_sink_state(self, state: State) -> None:
        """Go on below so many rows of the file when training begins next."""
        self._rows = int(state["rows"]) if "rows" in state else None


def check_separator(separator: str) -> None:
    """Raise unless *separator* can stand between two cells.

    Raises:
        TypeError: It is no str.
        ValueError: It is not a single character, or one that values are written with.
    """
    if not isinstance(separator, str):
        raise TypeError(f"`separator` must be a str, not {separator!r}")
    if len(separator) != 1:
        raise ValueError(f"`separator` must be a single character, not {separator!r}")
    if separator.isalnum() or separator in _WRITTEN_WITH:
        raise ValueError(f"`separator` cannot be {separator!r}, which values are written with")
