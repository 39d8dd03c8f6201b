# SPDX-License-Identifier: MIT
"""Write states as checkpoints."""

from __future__ import annotations

import os
from abc import abstractmethod
from typing import IO, Any, ClassVar, Unpack

from torch import distributed

from callbacks_core import Logs, PathLike

from ._background import Background
from ._options import SaveOptions
from .checkpoint_file import read_checkpoint, write_checkpoint
from .periodic_save import PeriodicSaveCallback
from .retention import SavedFile
from .sharded import is_sharded, load_sharded, save_sharded


class PeriodicStateSave(PeriodicSaveCallback):
    """Write a state of tensors and plain types as a sealed checkpoint.

    A subclass says in `state_to_save` what the state is, and in `restore_state` how it is taken
    up again. The seal also tells the epoch, the batch and the monitored value, as far as they are
    known, so that a list of files can show them.

    A state of which each process has a part (FSDP2 and other DTensors) is saved by all of them
    at once, while training waits, as `save_sharded` does: what has the file's name then is a
    folder.

    Args:
        filename: The file's path, with or without fields.
        **options: Those of `PeriodicSaveCallback`.

    Raises:
        TypeError: As for `PeriodicSaveCallback`.
        ValueError: As for `PeriodicSaveCallback`, or a checkpoint is to be appended to.
    """

    writes_bytes: ClassVar[bool] = True
    _writes_state: ClassVar[bool] = True

    def __init__(self, filename: PathLike, **options: Unpack[SaveOptions]) -> None:
        super().__init__(filename, **options)
        if "a" in self.open_mode:
            raise ValueError(
                f"`open_mode` {self.open_mode!r} would put one checkpoint behind the other, and "
                f"none of them could be read; 'wb' writes a new one"
            )

    @abstractmethod
    def state_to_save(self) -> Any:
        """Return what is to be saved: tensors and plain types."""

    @abstractmethod
    def restore_state(self, state: Any) -> None:
        """Take up what `state_to_save` has returned once."""

    def save_file(self, fd: IO[Any], epoch_number: int, logs: Logs) -> None:
        """Write the state."""
        write_checkpoint(self.state_to_save(), fd, about=self.about(epoch_number, logs))

    def _is_spread(self) -> bool:
        return distributed.is_available() and distributed.is_initialized() and self._has_parts()

    def _has_parts(self) -> bool:
        """Whether the state has tensors of which this process has a part."""
        return is_sharded(self.state_to_save())

    def _write(self, file: SavedFile, logs: Logs) -> None:
        if not self._is_spread():
            super()._write(file, logs)
            return
        save_sharded(self.state_to_save(), file.path)
        self._saves.succeeded(file)

    def _restore_folder(self, path: str) -> None:
        state = self.state_to_save()
        load_sharded(state, path)
        self.restore_state(state)

    def _hand_over(self, background: Background, file: SavedFile, logs: Logs) -> None:
        background.save_state(
            self.state_to_save(),
            file,
            about=self.about(file.epoch, logs),
            temporary=self.temporary_filename,
            model=self.model,
        )

    def restore(self, fd: IO[Any]) -> None:
        """Read a state that is whole, and take it up."""
        self.restore_state(read_checkpoint(fd))

    def about(self, epoch_number: int, logs: Logs) -> dict[str, str | int | float]:
        """Return what the seal is to tell of a file: its series, epoch, batch and value.

        Args:
            epoch_number: The number of the epoch.
            logs: As for `save_file`.
        """
        about: dict[str, str | int | float] = {
            "saver": type(self).__name__,
            "series": os.path.basename(self.filename),
            "epoch": epoch_number,
        }
        if "batch" in logs:
            return {**about, "batch": int(logs["batch"])}
        if self.monitor.name in logs:
            about["monitor"] = self.monitor.name
            about["mode"] = self.monitor.mode
            about["value"] = float(logs[self.monitor.name])
        return about
