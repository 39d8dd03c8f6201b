# SPDX-License-Identifier: MIT
"""The loggers that write statistics of gradients into CSV files."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from callbacks_core import as_path, probe

from ..base import Outcome
from ..csv_log.columns import written
from ..csv_log.logger import check_separator
from ..csv_log.table import LogFile, Table
from ..files import GrowingFile, SwappedFile
from .logger import GradientLogger, Statistics

if TYPE_CHECKING:
    from callbacks_core import PathLike, State

_logger = logging.getLogger(__name__)

_FIELD: Final = "{}"
_SEPARATORS: Final = re.compile(r"[/\\\0]")


class CSVGradientLogger(GradientLogger):
    """Write statistics of each parameter's gradient into a CSV file.

    There is a row for each parameter and optimizer step: ``epoch``, ``batch``, ``parameter``, then
    the statistics; see `GradientLogger`. With ``{}`` in its name there is a file for each
    parameter, whose name takes that place, without the column. Rows are in the file soon after
    their step. Statistics that are not finite are written as ``nan`` and ``inf``.

    Args:
        filename: The file. Missing parents are made.
        separator: The character between two cells.
        append: Whether to write below what the file holds already. When training goes on with an
            epoch later than the first, rows past that point are dropped.
        keep_bias: Whether to log parameters whose names contain ``bias``.
        norm_type: The orders of the norms, or one of them.
        every: Look at one in so many optimizer steps.
        update_ratio: Whether to log how far each step moves each weight.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *every* is less than one, an order is not positive, *separator* is not a single
            character that can separate cells, or *filename* is empty.
    """

    epoch_timeout = 5.0

    def __init__(
        self,
        filename: PathLike,
        *,
        separator: str = ",",
        append: bool = False,
        keep_bias: bool = False,
        norm_type: float | Iterable[float] = (1, 2, float("inf")),
        every: int = 1,
        update_ratio: bool = False,
    ) -> None:
        super().__init__(
            keep_bias=keep_bias, norm_type=norm_type, every=every, update_ratio=update_ratio
        )
        check_separator(separator)
        self.filename = filename
        self.separator = separator
        self.append = append
        self._path = as_path("filename", filename)
        self._tables: dict[str, Table] = {}
        self._rows: dict[str, int] = {}  # those of a restored state
        self._restored_rows = False
        self._first_epoch = 0  # rows of this epoch and later ones are about to be written again

    def _file(self, key: str) -> LogFile:
        return GrowingFile(_filled(self._path, key))

    def open(self, *, training: bool) -> None:
        """See whether the file can be written.

        Raises:
            HopelessPathError: It never can.
        """
        probe(_filled(self._path, "parameter"))
        self._tables = {}
        self._first_epoch = 0
        if _FIELD not in str(self._path):
            self._table("")

    def begin(self, epoch: int, *, resumed: bool) -> None:
        """Drop what a resumed training is about to write again."""
        self._first_epoch = epoch if resumed else 0
        for key, table in self._tables.items():
            self._cut(key, table)
        for key in self._rows if self._restored_rows else ():
            self._table(key)

    def _table(self, key: str) -> Table:
        """Return the table of a parameter, or of all; it is opened when it is first needed."""
        table = self._tables.get(key)
        if table is None:
            table = Table(self._file(key), self.separator, as_given=True)
            if self.append or self._restored_rows:
                table.take_up()
            else:
                table.start()
            self._tables[key] = table
            if self._first_epoch:
                self._cut(key, table)
        return table

    def _cut(self, key: str, table: Table) -> None:
        if self._restored_rows:
            keep = self._rows.get(key, 0)
            if keep > table.rows:
                _logger.warning(
                    "%s has %d rows where %d were written before", table.path, table.rows, keep
                )
        elif self._first_epoch:
            keep = _rows_before(table.read(), self._first_epoch)
        else:
            return
        if table.columns:
            table.cut(keep)

    def write_gradients(self, epoch: int, batch: int, step: int, statistics: Statistics) -> None:
        """Add a row for each parameter."""
        if not statistics:
            return
        if _FIELD not in str(self._path):
            names = [written(name) for name in statistics]
            self._add("", epoch, batch, {"parameter": names}, statistics.values())
            return
        for name, row in statistics.items():
            self._add(name, epoch, batch, {}, [row])

    def _add(
        self,
        key: str,
        epoch: int,
        batch: int,
        labels: dict[str, Sequence[object]],
        rows: Iterable[Mapping[str, float]],
    ) -> None:
        values = list(rows)
        size = len(values)
        columns: dict[str, Sequence[object]] = {"epoch": [epoch] * size, "batch": [batch] * size}
        columns |= labels
        columns |= {name: [row[name] for row in values] for name in values[0]}
        self._table(key).add_columns(columns, size)

    def flush(self) -> None:
        """Hand the rows to the operating system."""
        for table in self._tables.values():
            table.flush()

    def finish(self, outcome: Outcome) -> None:
        """Close the files."""
        self._restored_rows = False
        for table in self._tables.values():
            table.close()

    def sink_state(self) -> State:
        """Return how many rows there are, once all of them are on the disk."""
        rows = dict(self._rows) if self._restored_rows else {}
        for key, table in self._tables.items():
            table.sync()
            rows[key] = table.rows
        return {"rows": rows} if any(rows.values()) else {}

    def load_sink_state(self, state: State) -> None:
        """Go on below so many rows of the file when training begins next."""
        self._rows = {key: int(rows) for key, rows in state.get("rows", {}).items()}
        self._restored_rows = bool(self._rows)
        self._tables = {}


class AtomicCSVGradientLogger(CSVGradientLogger):
    """Write what `CSVGradientLogger` writes into a file that is whole at every instant.

    See `AtomicCSVLogger` for what that means and costs.

    Args:
        filename: The file. Missing parents are made.
        separator: The character between two cells.
        append: Whether to write below what the file holds already.
        temporary_filename: The name of the other copy, on the same file system; by default
            *filename* with ``.tmp`` added. It has a ``{}`` where *filename* has one.
        keep_bias: Whether to log parameters whose names contain ``bias``.
        norm_type: The orders of the norms, or one of them.
        every: Look at one in so many optimizer steps.
        update_ratio: Whether to log how far each step moves each weight.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *every* is less than one, an order is not positive, *separator* is not a single
            character that can separate cells, a path is empty, both are the same, or only one of
            them has a ``{}``.
    """

    def __init__(
        self,
        filename: PathLike,
        *,
        separator: str = ",",
        append: bool = False,
        temporary_filename: PathLike | None = None,
        keep_bias: bool = False,
        norm_type: float | Iterable[float] = (1, 2, float("inf")),
        every: int = 1,
        update_ratio: bool = False,
    ) -> None:
        super().__init__(
            filename,
            separator=separator,
            append=append,
            keep_bias=keep_bias,
            norm_type=norm_type,
            every=every,
            update_ratio=update_ratio,
        )
        self.temporary_filename = temporary_filename
        if temporary_filename is None:
            self._hidden = self._path.with_name(self._path.name + ".tmp")
            return
        self._hidden = as_path("temporary_filename", temporary_filename)
        if self._hidden == self._path:
            raise ValueError(
                f"`temporary_filename` must not be `filename` itself, which is {str(self._path)!r}"
            )
        if (_FIELD in str(self._hidden)) != (_FIELD in str(self._path)):
            raise ValueError(
                f"`temporary_filename` must have a {_FIELD} where `filename` has one, and only "
                f"there: {str(self._hidden)!r} and {str(self._path)!r}"
            )

    def _file(self, key: str) -> LogFile:
        return SwappedFile(_filled(self._path, key), _filled(self._hidden, key))


def _filled(path: Path, key: str) -> Path:
    """Return the path for a parameter, whose name cannot lead into another folder."""
    return Path(str(path).replace(_FIELD, _SEPARATORS.sub("_", key)))


def _rows_before(rows: Iterable[Mapping[str, str]], epoch: int) -> int:
    """Return how many rows there are up to the first one of *epoch* or a later one."""
    return sum(1 for _ in takewhile(lambda row: _number(row.get("epoch")) < epoch, rows))


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:  # a row of somebody else's
        return 0.0
