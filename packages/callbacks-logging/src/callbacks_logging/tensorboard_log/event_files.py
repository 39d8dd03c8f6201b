# SPDX-License-Identifier: MIT
"""The files of a TensorBoard folder."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Final

from callbacks_core import make_folder

from ..files import GrowingFile
from . import events

_numbers: Final = count()


class EventFiles:
    """Curves under a folder; TensorBoard calls each folder below it a run.

    Whatever training has written is handed to the operating system by `flush`. A run that is gone
    on with gets a file of its own, which says from which step on earlier ones no longer count.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, GrowingFile] = {}

    def add(
        self, run: str, tag: str, steps: Sequence[int], values: Sequence[float], *, purge: int = 0
    ) -> None:
        """Add values to a curve.

        Args:
            run: The folder below the folder; empty for itself.
            tag: The curve's name.
            steps: Where the values stand.
            values: The values.
            purge: If this is the run's first value: the step from which on what earlier files
                hold does not count; zero for none.
        """
        file = self._file(run, purge)
        file.write(events.scalars(tag, time.time(), steps, values))

    def add_summary(self, run: str, message: bytes, *, step: int = 0) -> None:
        """Add a summary of another kind.

        Args:
            run: The folder below the folder; empty for itself.
            message: The summary, a protocol buffer.
            step: Where it stands.
        """
        self._file(run, 0).write(events.summary(time.time(), step, message))

    def _file(self, run: str, purge: int) -> GrowingFile:
        file = self._files.get(run)
        if file is not None:
            return file
        now = time.time()
        folder = self.folder / run
        make_folder(folder, durability="rename")
        file = GrowingFile(folder / _name(now))
        file.open(anew=True)
        file.write(events.file_version(now))
        if purge:
            file.write(events.session_start(now, purge))
        self._files[run] = file
        return file

    def flush(self) -> None:
        """Hand what was added to the operating system."""
        for file in self._files.values():
            file.flush()

    def close(self) -> None:
        """Close the files."""
        try:
            self.flush()
        finally:
            for file in self._files.values():
                file.close()
            self._files = {}


def _name(now: float) -> str:
    """Return a name that TensorBoard knows, later than that of every earlier file."""
    return f"events.out.tfevents.{now:017.6f}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}"
