# SPDX-License-Identifier: MIT
"""The check sum of a file that is being written, worked out beside the writing."""

from __future__ import annotations

import os
from threading import Condition, Thread
from typing import IO, Any

from ._checksum import Checksum

_BLOCK = 1 << 20


def read_back(file: IO[Any]) -> int | None:
    """Return a descriptor to read what is written to *file*, or None where there can be none."""
    try:
        descriptor = os.open(file.name, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except (AttributeError, OSError, TypeError):
        return None
    try:
        if os.path.samestat(os.fstat(descriptor), os.fstat(file.fileno())):
            return descriptor
    except (OSError, ValueError):
        pass
    os.close(descriptor)
    return None


class Follower:
    """Sums up a growing file in a thread of its own, some way behind the one who writes it.

    It reads back what was written, which is in memory still. The writer need not wait for it, nor
    keep alive what it wrote; the two together take the time of the slower one.

    Args:
        descriptor: The file, open for reading; it is closed at the end.
        start: The first byte to sum up.
        checksum: That of what comes before, which goes on from there.
    """

    def __init__(self, descriptor: int, start: int, checksum: Checksum) -> None:
        self._descriptor = descriptor
        self._checksum = checksum
        self._done = start
        self._written = start
        self._last = False
        self._error: BaseException | None = None
        self._news = Condition()
        self._thread = Thread(target=self._run, name="callbacks-checkpoint checksum", daemon=True)
        self._thread.start()

    def written(self, end: int) -> None:
        """Tell that the file has been written, and flushed, up to the byte *end*."""
        with self._news:
            self._written = end
            self._news.notify()

    def finish(self) -> None:
        """Wait until all that was written is summed up.

        Raises:
            OSError: It could not be read back.
        """
        self._end()
        if self._error is not None:
            raise self._error

    def give_up(self) -> None:
        """Leave the rest, and what was wrong with it, and wait for the thread to end."""
        self._written = 0
        self._end()

    def _end(self) -> None:
        with self._news:
            self._last = True
            self._news.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._wait():
                self._sum_up()
        except BaseException as error:
            self._error = error
        finally:
            os.close(self._descriptor)

    def _wait(self) -> bool:
        """Wait for something to sum up; whether there is any."""
        with self._news:
            self._news.wait_for(lambda: self._last or self._written > self._done)
            return self._written > self._done

    def _sum_up(self) -> None:
        os.lseek(self._descriptor, self._done, os.SEEK_SET)
        while self._done < self._written:
            block = os.read(self._descriptor, min(self._written - self._done, _BLOCK))
            if not block:
                raise OSError(f"the file ends at byte {self._done} of {self._written}")
            self._checksum.update(block)
            self._done += len(block)
