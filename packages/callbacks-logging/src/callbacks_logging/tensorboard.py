# SPDX-License-Identifier: MIT
"""Curves in TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from callbacks_core import Callback, as_path, is_rank_zero, probe

from ._learning_rates import LearningRates

if TYPE_CHECKING:
    from callbacks_core import FailurePolicy, Logs, PathLike


class ScalarsWriter(Protocol):
    """What a TensorBoard writer has to offer; torch's and tensorboardX's do."""

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: dict[str, float], global_step: int
    ) -> object:
        """Write values that belong into one chart."""


class TensorBoardLogger(Callback):
    """Write the values of each epoch for TensorBoard.

    A metric of training and the same of validation share a chart: ``loss`` holds the curves
    ``loss`` and ``val_loss``. The learning rate is the one that the epoch was trained with,
    wherever the logger stands in the list.

    Args:
        writer: Any object with the ``add_scalars`` of torch's ``SummaryWriter``; it is flushed at
            the end and stays open. Or a folder: then the logger makes its own writer with torch
            when training begins, and closes it at the end.

    Raises:
        ImportError: *writer* is a folder, and torch or tensorboard is not installed.
        TypeError: *writer* is neither a writer nor a folder's path.
    """

    on_error: FailurePolicy = "disable"

    def __init__(self, writer: ScalarsWriter | PathLike) -> None:
        self._folder: Path | None = None
        self._writer: ScalarsWriter | None = None
        if callable(getattr(writer, "add_scalars", None)) and not isinstance(writer, type):
            self._writer = cast("ScalarsWriter", writer)
        else:
            self._folder = _folder(writer)
        self._active = False
        self._rates = LearningRates()

    @property
    def writer(self) -> ScalarsWriter | None:
        """The writer; None where it is still to be made, or was closed."""
        return self._writer

    def on_train_begin(self, logs: Logs) -> None:
        """Make the writer, if a folder was given.

        Raises:
            HopelessPathError: The folder can never be written to.
        """
        self._active = is_rank_zero()
        if self._active and self._folder is not None and self._writer is None:
            probe(self._folder / "events")
            self._writer = _summary_writer(self._folder)

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Remember the learning rates, in case the loop does not tell of its steps."""
        if self._active:
            self._rates.begin(self.model)

    def on_backward_end(self, batch_number: int) -> None:
        """Remember the learning rates of the step."""
        if self._active:
            self._rates.step()

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Write the values of the epoch."""
        if not self._active or self._writer is None:
            return
        for tag, curves in charts(logs).items():
            self._writer.add_scalars(tag, curves, epoch_number)
        if rates := self._rates.values():
            self._writer.add_scalars("lr", rates, epoch_number)

    def close(self) -> None:
        """Flush the writer, and close it if it was made here."""
        writer = self._writer
        if not self._active or writer is None:
            return
        self._active = False
        self._rates = LearningRates()
        if callable(flush := getattr(writer, "flush", None)):
            flush()
        if self._folder is not None:
            self._writer = None
            writer.close()  # type: ignore[attr-defined]  # SummaryWriter has it


def charts(logs: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Return the curves of each chart: a value of training with the same of validation.

    The number of the epoch is no curve, but the step at which the others are drawn.
    """
    by_tag: dict[str, dict[str, float]] = {}
    for name, value in logs.items():
        if name != "epoch" and isinstance(value, int | float):
            by_tag.setdefault(name.removeprefix("val_"), {})[name] = value
    return by_tag


def _folder(writer: object) -> Path:
    if isinstance(writer, type):
        raise TypeError(
            f"`writer` is the class {writer.__name__}, not an instance of it: "
            f"write {writer.__name__}(...)"
        )
    try:
        folder = as_path("writer", cast("PathLike", writer))
    except TypeError:
        raise TypeError(
            f"`writer` must have a method add_scalars, as torch's SummaryWriter does, or be the "
            f"path of a folder; {type(writer).__name__} is neither"
        ) from None
    missing = [name for name in ("torch", "tensorboard") if find_spec(name) is None]
    if missing:
        raise ImportError(
            f"writing to the folder {str(folder)!r} needs {' and '.join(missing)}: "
            f'pip install torch "callbacks-logging[tensorboard]", or pass a writer of your own'
        )
    return folder


def _summary_writer(folder: Path) -> ScalarsWriter:
    module = import_module("torch.utils.tensorboard")  # this package does not depend on torch
    return cast("ScalarsWriter", module.SummaryWriter(str(folder)))
