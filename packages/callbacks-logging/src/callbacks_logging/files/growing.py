# SPDX-License-Identifier: MIT
"""A file to which bytes are added at its end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO


class GrowingFile:
    """A file to which bytes are added, and which loses none of them to a disk that is full.

    What the disk does not take is kept and written with the next bytes, from where it stopped.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None
        self._unwritten = bytearray()

    def open(self, *, anew: bool) -> None:
        """Open the file: empty, or to go on at its end."""
        self.close()
        self._unwritten.clear()
        self._file = open(self.path, "wb" if anew else "ab", buffering=0)  # noqa: SIM115

    def write(self, data: bytes) -> None:
        """Take *data* and write as much of it as the disk takes.

        Raises:
            OSError: The disk did not take what was to be written before; *data* was not taken.
        """
        if self._unwritten:
            self.flush()
        self._unwritten += data
        try:
            self.flush()
        except OSError:
            if self._file is None or self._file.closed:
                raise

    def flush(self) -> None:
        """Write what the disk has not taken yet.

        Raises:
            OSError: It does not take it now either.
        """
        if not self._unwritten:
            return
        if self._file is None:
            raise ValueError(f"{self.path} is not open")
        while self._unwritten:
            written = self._file.write(self._unwritten)
            del self._unwritten[:written]

    def sync(self) -> None:
        """Have all that was written reach the disk."""
        if self._file is not None:
            self.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
