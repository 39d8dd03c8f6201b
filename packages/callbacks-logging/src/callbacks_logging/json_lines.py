# SPDX-License-Identifier: MIT
"""The logger that writes a JSON object a line."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from callbacks_core import as_path, durable_open, probe

from .base import Batches, Logger, Outcome
from .files import GrowingFile

if TYPE_CHECKING:
    from callbacks_core import PathLike, State

_logger = logging.getLogger(__name__)


class JSONLinesLogger(Logger):
    """Write the values of each epoch, and of batches if asked to, as a JSON object a line.

    Programs read it more easily than CSV: names may change from line to line, and the kind of a
    line stands in it, ``"kind": "epoch"``, ``"batch"`` or ``"test"``. JSON has no number for NaN
    and infinity; they are written as ``null``.

    Args:
        filename: The file. Missing parents are made.
        batch_granularity: Whether to write a line for each training batch too, with its epoch and
            its learning rate.
        append: Whether to write below what the file holds already. When training goes on with an
            epoch later than the first, lines past that point are dropped.

    Raises:
        TypeError: *filename* is neither a str nor a path.
        ValueError: *filename* is empty.
    """

    epoch_timeout = 5.0

    def __init__(
        self, filename: PathLike, *, batch_granularity: bool = False, append: bool = False
    ) -> None:
        self.filename = filename
        self.batch_granularity = batch_granularity
        self.append = append
        self._file = GrowingFile(as_path("filename", filename))
        self._lines = 0
        self._restored_lines: int | None = None

    def open(self, *, training: bool) -> None:
        """Open the file.

        Raises:
            HopelessPathError: It can never be written.
        """
        path = self._file.path
        probe(path)
        anew = training and not self.append and self._restored_lines is None
        self._lines = 0 if anew or not path.exists() else sum(1 for _ in _whole_lines(path))
        self._file.open(anew=anew)

    def begin(self, epoch: int, *, resumed: bool) -> None:
        """Drop what a resumed training is about to write again."""
        keep, self._restored_lines = self._restored_lines, None
        if keep is None:
            lines = _whole_lines(self._file.path)
            keep = _lines_to_keep(lines, epoch) if resumed else self._lines
        elif keep > self._lines:
            _logger.warning(
                "%s has %d lines where %d were written before", self._file.path, self._lines, keep
            )
        self._cut(keep)

    def _cut(self, keep: int) -> None:
        path = self._file.path
        lines = list(islice(_whole_lines(path), keep))
        if sum(map(len, lines)) == path.stat().st_size:
            return
        self._file.close()
        try:
            with durable_open(path) as file:
                file.writelines(lines)
        finally:
            self._file.open(anew=False)
        self._lines = len(lines)

    def write_batches(self, batches: Batches) -> None:
        """Add a line for each batch."""
        leading = {"kind": "batch", "epoch": batches.epoch}
        self._add({**leading, **row} for row in batches.rows())

    def write_epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Add a line."""
        self._add([{"kind": "epoch", **values}])

    def write_test(self, values: dict[str, float]) -> None:
        """Add a line; a test without a training goes below what the file holds."""
        self._add([{"kind": "test", **values}])

    def _add(self, rows: Iterable[Mapping[str, object]]) -> None:
        lines = [json.dumps(_plain(row), ensure_ascii=False) + "\n" for row in rows]
        self._file.write("".join(lines).encode())
        self._lines += len(lines)

    def flush(self) -> None:
        """Hand the lines to the operating system."""
        self._file.flush()

    def finish(self, outcome: Outcome) -> None:
        """Close the file."""
        try:
            self._file.flush()
        finally:
            self._file.close()

    def sink_state(self) -> State:
        """Return how many lines there are, once all of them are on the disk."""
        self._file.sync()
        lines = self._lines if self._restored_lines is None else self._restored_lines
        return {"lines": lines} if lines or self._session is not None else {}

    def load_sink_state(self, state: State) -> None:
        """Go on below so many lines of the file when training begins next."""
        self._restored_lines = int(state["lines"]) if "lines" in state else None


def _plain(row: Mapping[str, object]) -> dict[str, object]:
    return {name: _value(value) for name, value in row.items()}


def _value(value: object) -> object:
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value if isinstance(value, int | str | None) else str(value)


def _whole_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines that have an end; a crash may have left one without."""
    with open(path, "rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line


def _lines_to_keep(lines: Iterable[bytes], epoch: int) -> int:
    """Return how many lines stay when training goes on with *epoch*."""
    kept = 0
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError:  # a line of somebody else's
            row = {}
        before = not isinstance(row, dict) or row.get("epoch", 0) < epoch
        if before and not (isinstance(row, dict) and row.get("kind") == "batch"):
            kept = number
    return kept
