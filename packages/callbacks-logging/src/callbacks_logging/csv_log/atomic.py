# SPDX-License-Identifier: MIT
"""The callback that writes a CSV file which is whole at every instant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callbacks_core import as_path

from ..files import SwappedFile
from .logger import CSVLogger

if TYPE_CHECKING:
    from callbacks_core import PathLike

    from .table import LogFile


class AtomicCSVLogger(CSVLogger):
    """Write a CSV file as `CSVLogger` does, whole at every instant.

    Whoever reads the file, while training goes on, or after a kill or a power cut, finds complete
    rows only: new ones appear all at once, and are on the disk then. There are two copies of the
    file while training goes on; each row is written twice, so the hundred-thousandth row costs what
    the first one cost. (On a file system without hard links, one of them is copied each time.)

    Args:
        filename: The file. Missing parents are made.
        batch_granularity: Whether to write a row for each training batch too; they appear about
            once a second.
        separator: The character between two cells.
        append: Whether to write below what the file holds already; see `CSVLogger`.
        temporary_filename: The name of the other copy, on the same file system; by default
            *filename* with ``.tmp`` added.
        fill_batch_rows: Whether the rows of batches have an epoch and a learning rate.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *separator* is not a single character that can separate cells, a path is
            empty, or both are the same.
    """

    def __init__(
        self,
        filename: PathLike,
        *,
        batch_granularity: bool = False,
        separator: str = ",",
        append: bool = False,
        temporary_filename: PathLike | None = None,
        fill_batch_rows: bool = False,
    ) -> None:
        self.temporary_filename = temporary_filename
        super().__init__(
            filename,
            batch_granularity=batch_granularity,
            separator=separator,
            append=append,
            fill_batch_rows=fill_batch_rows,
        )

    def _file(self) -> LogFile:
        path = as_path("filename", self.filename)
        if self.temporary_filename is None:
            return SwappedFile(path, path.with_name(path.name + ".tmp"))
        hidden = as_path("temporary_filename", self.temporary_filename)
        if hidden == path:
            raise ValueError(
                f"`temporary_filename` must not be `filename` itself, which is {str(path)!r}"
            )
        return SwappedFile(path, hidden)
