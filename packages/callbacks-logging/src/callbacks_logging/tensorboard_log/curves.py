# SPDX-License-Identifier: MIT
"""Where curves go: into a folder's files, or to a writer that was handed in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ..base import Batches, Outcome
from . import hyper_parameters
from .charts import charts, run_of
from .event_files import EventFiles

if TYPE_CHECKING:
    from .hyper_parameters import HyperParameters


class ScalarsWriter(Protocol):
    """What a TensorBoard writer has to offer; torch's and tensorboardX's do."""

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: dict[str, float], global_step: int
    ) -> object:
        """Write values that belong into one chart."""


class FolderCurves:
    """Curves in the files of a folder.

    Args:
        folder: The folder.
        hparams: The hyper-parameters, if there are any.

    Raises:
        ImportError: There are, and TensorBoard is not installed.
    """

    def __init__(self, folder: Path, hparams: HyperParameters | None) -> None:
        if hparams is not None:
            hyper_parameters.require_tensorboard()
        self._files = EventFiles(folder)
        self._hparams = hparams
        self._described = False
        self._purge = 0

    def begin(self, purge: int) -> None:
        """Let no values of earlier files count from epoch *purge* on; zero lets them be."""
        self._purge = purge
        self._described = False

    def add_epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Add the values of an epoch, each to a curve in a folder of its own."""
        by_tag = charts(values)
        for tag, curves in by_tag.items():
            for curve, value in curves.items():
                run = run_of(tag, curve)
                self._files.add(run, tag, [epoch], [value], purge=self._purge)
        if self._hparams is not None and not self._described:
            self._described = True
            metrics = [
                (run_of(tag, curve), tag) for tag, group in by_tag.items() for curve in group
            ]
            for message in hyper_parameters.beginning(self._hparams, metrics):
                self._files.add_summary("", message)

    def add_batches(self, batches: Batches) -> None:
        """Add the values of some batches."""
        purge = batches.first_step if self._purge else 0
        for name, numbers in _curves(batches).items():
            self._files.add("", f"batch/{name}", batches.steps, numbers, purge=purge)

    def flush(self) -> None:
        """Hand what was added to the operating system."""
        self._files.flush()

    def finish(self, outcome: Outcome) -> None:
        """Close the files."""
        if self._described:
            self._files.add_summary("", hyper_parameters.end(outcome))
        self._files.close()


class WriterCurves:
    """Curves of a writer that was handed in.

    Args:
        writer: The writer.
        batches: Whether it is to take those of batches.
        hparams: The hyper-parameters, if there are any.

    Raises:
        TypeError: It lacks a method.
    """

    def __init__(
        self, writer: ScalarsWriter, batches: bool, hparams: HyperParameters | None
    ) -> None:
        self.writer = writer
        self._hparams = hparams
        self._last: dict[str, float] = {}
        if batches:
            self._add_scalar = self._method("add_scalar", "batch_granularity")
        if hparams is not None:
            self._add_hparams = self._method("add_hparams", "hparams")

    def _method(self, name: str, argument: str) -> Any:
        method = getattr(self.writer, name, None)
        if not callable(method):
            raise TypeError(
                f"with `{argument}` the writer must have a method {name}, which "
                f"{type(self.writer).__name__} lacks"
            )
        return method

    def begin(self, purge: int) -> None:
        """Leave it to who opened the writer what earlier values count."""
        self._last = {}

    def add_epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Add the values of an epoch, those of a chart together."""
        for tag, curves in charts(values).items():
            self.writer.add_scalars(tag, curves, epoch)
            self._last.update(curves)

    def add_batches(self, batches: Batches) -> None:
        """Add the values of some batches."""
        for name, numbers in _curves(batches).items():
            for step, number in zip(batches.steps, numbers, strict=True):
                self._add_scalar(f"batch/{name}", number, step)

    def flush(self) -> None:
        """Leave it to the writer when to write."""

    def finish(self, outcome: Outcome) -> None:
        """Flush the writer, which stays open."""
        if self._hparams is not None:
            self._add_hparams(self._hparams, dict(self._last))
        flush = getattr(self.writer, "flush", None)
        if callable(flush):
            flush()


Curves: TypeAlias = FolderCurves | WriterCurves


def _curves(batches: Batches) -> dict[str, Any]:
    """Return the columns that make curves; the number of a batch is its place in the epoch."""
    columns = {**batches.columns, **batches.rates}
    return {name: column for name, column in columns.items() if name not in ("batch", "size")}
