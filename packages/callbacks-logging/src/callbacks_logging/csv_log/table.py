# SPDX-License-Identifier: MIT
"""A CSV file that grows by rows, and seldom by columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, repeat
from typing import TextIO, TypeAlias

from callbacks_core import durable_open

from ..files import GrowingFile, SwappedFile
from .columns import arranged, cells, with_validation, written
from .resume import mend

LogFile: TypeAlias = GrowingFile | SwappedFile


class Table:
    """Rows under a header, in a file.

    A value without a column gets one: the file is then written anew, as a whole or not at all.

    Args:
        file: The file.
        separator: What stands between two cells.
        as_given: Whether the columns stay as they come, instead of being arranged as those of a
            training's values.

    Attributes:
        columns: The names in the header; empty before the first row.
        rows: How many rows there are below it.
    """

    def __init__(self, file: LogFile, separator: str, *, as_given: bool = False) -> None:
        self.path = file.path
        self.separator = separator
        self.columns: list[str] = []
        self.rows = 0
        self._file = file
        self._as_given = as_given

    def start(self) -> None:
        """Open the file, empty."""
        self.columns = []
        self.rows = 0
        self._file.open(anew=True)

    def take_up(self) -> None:
        """Open the file to go on below what is there; start it if there is nothing."""
        self._file.close()
        if not self.path.exists() or not self.path.stat().st_size:
            self.start()
            return
        mend(self.path, self.separator)
        with self._reading() as file:
            self.columns = next(csv.reader(file, delimiter=self.separator), [])
        self.rows = sum(1 for _ in self.read())
        self._file.open(anew=False)

    def read(self) -> Iterator[dict[str, str]]:
        """Yield the rows that are in the file."""
        with self._reading() as file:
            yield from csv.DictReader(file, delimiter=self.separator, restval="")

    def cut(self, keep: int) -> None:
        """Keep the first *keep* rows only; without any, the columns are open again."""
        if not keep:
            self.start()
        elif keep < self.rows:
            self._rewrite(self.columns, keep)

    def add(self, row: Mapping[str, object]) -> None:
        """Add a row; what the columns lack becomes a column.

        Raises:
            OSError: The row was not taken, since the disk does not take what was added before.
        """
        values = cells(row)
        self._make_room(values)
        self._write([[values.get(name) for name in self.columns]])
        self.rows += 1

    def add_columns(self, columns: Mapping[str, Sequence[object]], size: int) -> None:
        """Add *size* rows at once; what the columns lack becomes a column.

        Args:
            columns: The numbers, or texts that can be written, in each column; where there are
                none for a column, cells stay empty.
            size: How many rows there are.

        Raises:
            OSError: They were not taken, since the disk does not take what was added before.
        """
        given = {written(name): numbers for name, numbers in columns.items()}
        self._make_room(given)
        table = [given.get(name) or repeat(None, size) for name in self.columns]
        self._write(zip(*table, strict=True))
        self.rows += size

    def _make_room(self, names: Iterable[str]) -> None:
        if not self.columns:
            columns = list(names)
            if not self._as_given:
                columns = arranged(with_validation(columns))
            self._write([columns])
            self.columns = columns
        elif new := [name for name in names if name not in self.columns]:
            columns = [*self.columns, *new]
            self._rewrite(columns if self._as_given else arranged(columns), self.rows)

    def flush(self) -> None:
        """Hand what was added to the operating system."""
        self._file.flush()

    def sync(self) -> None:
        """Write what was added to the disk."""
        self._file.sync()

    def close(self) -> None:
        """Write what was added and close the file."""
        try:
            self._file.flush()
        finally:
            self._file.close()

    def _reading(self) -> TextIO:
        return open(self.path, encoding="utf-8", errors="replace", newline="")

    def _write(self, rows: Iterable[Iterable[object]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self.separator).writerows(rows)
        self._file.write(text.getvalue().encode())

    def _rewrite(self, columns: list[str], keep: int) -> None:
        self._file.flush()
        self._file.close()  # before its name is taken over, which some systems refuse otherwise
        try:
            with durable_open(self.path, "w", newline="") as file:
                writer = csv.DictWriter(
                    file, columns, delimiter=self.separator, restval="", extrasaction="ignore"
                )
                writer.writeheader()
                writer.writerows(islice(self.read(), keep))
        finally:
            self._file.open(anew=False)
        self.columns = columns
        self.rows = keep
