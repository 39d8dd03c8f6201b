# SPDX-License-Identifier: MIT
"""A CSV file that grows by rows, and seldom by columns."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Literal, TextIO

from callbacks_core import durable_open

from .columns import arranged, cells, with_validation
from .resume import mend


class Table:
    """Rows under a header, in a file.

    A value without a column gets one: the file is then written anew, as a whole or not at all.

    Args:
        path: The file.
        separator: What stands between two cells.

    Attributes:
        columns: The names in the header; empty before the first row.
        rows: How many rows there are below it.
    """

    def __init__(self, path: Path, separator: str) -> None:
        self.path = path
        self.separator = separator
        self.columns: list[str] = []
        self.rows = 0
        self._file: TextIO | None = None

    def start(self) -> None:
        """Open the file, empty."""
        self.close()
        self.columns = []
        self.rows = 0
        self._open("w")

    def take_up(self) -> None:
        """Open the file to go on below what is there; start it if there is nothing."""
        self.close()
        if not self.path.exists() or not self.path.stat().st_size:
            self.start()
            return
        mend(self.path, self.separator)
        with self._reading() as file:
            self.columns = next(csv.reader(file, delimiter=self.separator), [])
        self.rows = sum(1 for _ in self.read())
        self._open("a")

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
        """Add a row; what the columns lack becomes a column."""
        values = cells(row)
        if not self.columns:
            columns = arranged(with_validation(list(values)))
            self._write(columns)
            self.columns = columns
        elif new := [name for name in values if name not in self.columns]:
            self._rewrite(arranged([*self.columns, *new]), self.rows)
        self._write([values.get(name) for name in self.columns])
        self.rows += 1

    def flush(self) -> None:
        """Hand what was added to the operating system."""
        if self._file is not None:
            self._file.flush()

    def sync(self) -> None:
        """Write what was added to the disk."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _open(self, mode: Literal["w", "a"]) -> None:
        self._file = open(self.path, mode, encoding="utf-8", newline="")  # noqa: SIM115

    def _reading(self) -> TextIO:
        self.flush()
        return open(self.path, encoding="utf-8", errors="replace", newline="")

    def _write(self, values: list[object] | list[str]) -> None:
        if self._file is None:
            raise ValueError(f"{self.path} is not open")
        csv.writer(self._file, delimiter=self.separator).writerow(values)

    def _rewrite(self, columns: list[str], keep: int) -> None:
        self.flush()
        with durable_open(self.path, "w", newline="") as file:
            writer = csv.DictWriter(
                file, columns, delimiter=self.separator, restval="", extrasaction="ignore"
            )
            writer.writeheader()
            writer.writerows(islice(self.read(), keep))
            self.close()  # before its name is taken over, which some systems refuse otherwise
        self.columns = columns
        self.rows = keep
        self._open("a")
