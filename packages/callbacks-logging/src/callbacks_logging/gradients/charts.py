# SPDX-License-Identifier: MIT
"""Charts for TensorBoard with a curve for each statistic."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from callbacks_core import probe

from ..tensorboard_log.curves import ScalarsWriter
from ..tensorboard_log.event_files import EventFiles
from ..tensorboard_log.targets import folder_of, is_writer

if TYPE_CHECKING:
    from pathlib import Path

    from callbacks_core import PathLike


class FolderCharts:
    """Charts in the files of a folder.

    A statistic is a run to TensorBoard, with one file, however many parameters there are: a
    ``SummaryWriter`` makes one for each statistic of each parameter.

    Args:
        folder: The folder.
    """

    writer = None

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = EventFiles(folder)
        self._purge = 0

    def open(self) -> None:
        """See whether the folder can be written to.

        Raises:
            HopelessPathError: It can never be.
        """
        probe(self._folder / "events")

    def begin(self, purge: int) -> None:
        """Let no values of earlier files count from step *purge* on; zero lets them be."""
        self._purge = purge

    def add(self, tag: str, curve: str, value: float, step: int) -> None:
        """Add a value to a curve of a chart."""
        self._files.add(curve, tag, [step], [value], purge=self._purge)

    def flush(self) -> None:
        """Hand what was added to the operating system."""
        self._files.flush()

    def finish(self) -> None:
        """Close the files."""
        self._files.close()


class WriterCharts:
    """Charts of a writer that was handed in.

    Args:
        writer: The writer.
    """

    def __init__(self, writer: ScalarsWriter) -> None:
        self.writer = writer

    def open(self) -> None:
        """Leave it to who opened the writer."""

    def begin(self, purge: int) -> None:
        """Leave it to who opened the writer what earlier values count."""

    def add(self, tag: str, curve: str, value: float, step: int) -> None:
        """Add a value to a curve of a chart."""
        self.writer.add_scalars(tag, {curve: value}, step)

    def flush(self) -> None:
        """Leave it to the writer when to write."""

    def finish(self) -> None:
        """Flush the writer, which stays open."""
        flush = getattr(self.writer, "flush", None)
        if callable(flush):
            flush()


Charts: TypeAlias = FolderCharts | WriterCharts


def charts_of(writer: ScalarsWriter | PathLike) -> Charts:
    """Return where charts go.

    Args:
        writer: A writer with ``add_scalars``, or the path of a folder.

    Raises:
        TypeError: It is neither.
    """
    return WriterCharts(writer) if is_writer(writer) else FolderCharts(folder_of(writer))
