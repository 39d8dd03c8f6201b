# SPDX-License-Identifier: MIT
"""A file that comes to disk while it is being written."""

from __future__ import annotations

import errno
import os
from threading import Condition, Thread
from typing import IO, Final

_EVERY: Final = 1 << 26  # bytes
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_sync = getattr(os, "fdatasync", os.fsync)


def make_room(file: IO[bytes], size: int) -> None:
    """Have the disk set *size* bytes aside for a large file that is about to be written.

    The file system need not find room for each piece then, and tell the disk of it; and a disk
    that is too full is noticed at once. A file system that cannot do it goes without.

    Args:
        file: The file, open for writing and empty.
        size: No more than there will be.

    Raises:
        OSError: There is not enough room.
    """
    if size < _EVERY or not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        if error.errno in _FULL:
            raise


class EarlySync:
    """Has a growing file brought to disk time and again, by a thread that only waits for it.

    Disk and processor are at work at the same time then, and little is left to wait for in the
    end. The last sync is up to whoever opened the file.

    Args:
        file: The file, open for writing.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._unsynced = 0
        self._due = self._over = False
        self._error: OSError | None = None
        self._news = Condition()
        self._thread: Thread | None = None

    def written(self, size: int) -> None:
        """Tell that *size* bytes more were written."""
        self._unsynced += size
        if self._unsynced < _EVERY:
            return
        self._unsynced = 0
        self._file.flush()
        if self._thread is None:
            self._thread = Thread(target=self._run, name="callbacks-checkpoint sync", daemon=True)
            self._thread.start()
        with self._news:
            self._due = True
            self._news.notify()

    def finish(self) -> None:
        """Wait for the sync that is going on, and let go of the thread.

        Raises:
            OSError: What was written cannot be brought to disk; it would not be told again.
        """
        if self._thread is None:
            return
        with self._news:
            self._over = True
            self._news.notify()
        self._thread.join()
        self._thread = None
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while self._is_due():
            try:
                _sync(self._file.fileno())
            except OSError as error:
                self._error = error
                return

    def _is_due(self) -> bool:
        with self._news:
            self._news.wait_for(lambda: self._due or self._over)
            due, self._due = self._due, False
            return due
