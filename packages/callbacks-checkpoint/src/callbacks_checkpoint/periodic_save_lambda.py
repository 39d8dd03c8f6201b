# SPDX-License-Identifier: MIT
"""Write whatever a function writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any, Unpack

from callbacks_core import Logs, PathLike

from ._options import SaveOptions
from .periodic_save import PeriodicSaveCallback


class PeriodicSaveLambda(PeriodicSaveCallback):
    """Have a function write the file.

    Args:
        func: Called with the open file, the number of the epoch and its logs.
        filename: The file's path, with or without fields.
        **options: Those of `PeriodicSaveCallback`; ``open_mode="w"`` for text. What a function
            writes cannot be restored, so there is no *restore_best*.

    Raises:
        TypeError: *func* cannot be called, or as for `PeriodicSaveCallback`.
        ValueError: As for `PeriodicSaveCallback`.
    """

    def __init__(
        self,
        func: Callable[[IO[Any], int, Logs], object],
        filename: PathLike,
        **options: Unpack[SaveOptions],
    ) -> None:
        if not callable(func):
            raise TypeError(
                f"`func` must be a function of a file, an epoch number and logs, not {func!r}"
            )
        super().__init__(filename, **options)
        self.func = func

    def save_file(self, fd: IO[Any], epoch_number: int, logs: Logs) -> None:
        """Call the function."""
        self.func(fd, epoch_number, logs)
