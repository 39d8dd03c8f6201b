# SPDX-License-Identifier: MIT
"""A file that grows, and is whole at every instant."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import Final

from callbacks_core import sync_folder

_NO_LINKS: Final = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""Answers of file systems without hard links: there the hidden copy is made anew each time."""


class SwappedFile:
    """A file that grows by several bytes at once or not at all, whatever kills the process.

    There are two copies of it. What is added goes to the hidden one, together with what that one
    had missed; then both change their names, and the other one is the hidden one. So every byte
    is written twice, however long the file has become, and who opens it, at any time and after
    any crash, sees what it was or what it is now.

    Args:
        path: The file.
        hidden: The name of the other copy, on the same file system; it is there while the file is
            open.
    """

    def __init__(self, path: Path, hidden: Path) -> None:
        self.path = path
        self._hidden = hidden
        self._between = hidden.with_name(hidden.name + "~")
        self._missed = bytearray()  # what the hidden copy lacks
        self._added = bytearray()  # what neither has yet
        self._length = -1  # of the hidden copy, as far as it is a copy

    def open(self, *, anew: bool) -> None:
        """Open the file: empty, or to go on at its end."""
        self._missed.clear()
        self._added.clear()
        self._remove()
        if anew:
            self._hidden.write_bytes(b"")
            os.replace(self._hidden, self.path)
        self._copy()

    def write(self, data: bytes) -> None:
        """Take *data*, to be added with the next `flush`."""
        self._added += data

    def flush(self) -> None:
        """Add what was taken to the file, all of it or nothing, and have it reach the disk.

        Raises:
            OSError: The file cannot be written; what was taken is kept for the next time.
        """
        if not self._added:
            return
        if self._length < 0:
            raise ValueError(f"{self.path} is not open")
        if not self._hidden.exists():
            self._copy()
        with open(self._hidden, "r+b", buffering=0) as file:
            file.truncate(self._length)  # of what an earlier attempt has left
            file.seek(self._length)
            rest = memoryview(bytes(self._missed + self._added))
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        self._swap()
        sync_folder(self.path.parent)

    def _swap(self) -> None:
        try:
            with contextlib.suppress(FileNotFoundError):
                self._between.unlink()
            os.link(self.path, self._between)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
        os.replace(self._hidden, self.path)
        self._length += len(self._missed)
        self._missed, self._added = self._added, bytearray()
        if self._between.exists():
            os.replace(self._between, self._hidden)

    def _copy(self) -> None:
        content = self.path.read_bytes()
        self._hidden.write_bytes(content)
        self._length = len(content)
        self._missed.clear()

    def sync(self) -> None:
        """Have all that was taken reach the disk."""
        self.flush()

    def close(self) -> None:
        """Leave the file alone, without its other copy."""
        self._length = -1
        self._remove()

    def _remove(self) -> None:
        for path in (self._hidden, self._between):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
