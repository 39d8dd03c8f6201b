# SPDX-License-Identifier: MIT
"""The callback that writes for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from callbacks_core import probe

from ..base import Batches, Logger, Outcome
from .curves import Curves, FolderCurves, ScalarsWriter, WriterCurves
from .hyper_parameters import hyper_parameters
from .targets import folder_of, is_writer

if TYPE_CHECKING:
    from pathlib import Path

    from callbacks_core import PathLike


class TensorBoardLogger(Logger):
    """Write the values of each epoch, and of batches if asked to, for TensorBoard.

    A metric of training and the same of validation share a chart: ``loss`` holds the curves
    ``loss`` and ``val_loss``. Batches have charts of their own, ``batch/loss`` and so on, over the
    number of batches since training began. The learning rate is the one that the epoch, or the
    batch, was trained with, wherever the logger stands in the list.

    Given a folder, the logger writes TensorBoard's files itself, for which neither torch nor
    TensorBoard has to be installed; when a resumed training writes to it again, TensorBoard shows
    the new values of an epoch, not both. A writer that is handed in is called by the logger's own
    thread.

    Args:
        writer: A folder. Or any object with the ``add_scalars`` and ``add_scalar`` of torch's
            ``SummaryWriter``; it is flushed at the end and stays open.
        batch_granularity: Whether to write the values of each training batch too.
        append: Whether values of an earlier training in the folder count when this one begins
            anew. Otherwise TensorBoard shows the new ones alone.
        hparams: The training's hyper-parameters by their names, for TensorBoard's tab of that
            name: numbers, truths and texts. In a folder they need TensorBoard; a writer is asked
            for its ``add_hparams`` when training has ended.

    Raises:
        ImportError: There are *hparams* for a folder, and TensorBoard is not installed.
        TypeError: *writer* is neither a writer nor a folder's path, or lacks what the other
            arguments need.
    """

    def __init__(
        self,
        writer: ScalarsWriter | PathLike,
        *,
        batch_granularity: bool = False,
        append: bool = True,
        hparams: Mapping[str, object] | None = None,
    ) -> None:
        self.batch_granularity = batch_granularity
        self.append = append
        given = None if hparams is None else hyper_parameters(hparams)
        self._folder: Path | None = None
        self._curves: Curves
        if is_writer(writer):
            self._curves = WriterCurves(writer, batch_granularity, given)
        else:
            self._folder = folder_of(writer)
            self._curves = FolderCurves(self._folder, given)

    @property
    def writer(self) -> ScalarsWriter | None:
        """The writer that was handed in; None where a folder was."""
        return self._curves.writer if isinstance(self._curves, WriterCurves) else None

    def open(self, *, training: bool) -> None:
        """See whether the folder can be written to.

        Raises:
            HopelessPathError: It can never be.
        """
        if self._folder is not None:
            probe(self._folder / "events")

    def begin(self, epoch: int, *, resumed: bool) -> None:
        """Remember from where on earlier values no longer count."""
        self._curves.begin(epoch if resumed or not self.append else 0)

    def write_epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Write the values of an epoch."""
        self._curves.add_epoch(epoch, values)

    def write_batches(self, batches: Batches) -> None:
        """Write the values of some batches."""
        self._curves.add_batches(batches)

    def flush(self) -> None:
        """Hand what was written to the operating system."""
        self._curves.flush()

    def finish(self, outcome: Outcome) -> None:
        """Flush the writer that was handed in, or close the files."""
        self._curves.finish(outcome)
