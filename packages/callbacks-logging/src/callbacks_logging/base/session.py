# SPDX-License-Identifier: MIT
"""What a logger has still to write, and the thread that writes it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from callbacks_core import BackgroundWorker

if TYPE_CHECKING:
    from .batches import Recording

_logger = logging.getLogger(__name__)

CAPACITY: Final = 2000
"""So many entries wait at most, of a sink that does not take them."""

Entry: TypeAlias = "Recording | Callable[[], object]"


class Session:
    """The entries of one training, written one after another by a thread of their own.

    What cannot be written now stays, and is tried again with the next entry. Beyond a limit the
    oldest are given up and counted.

    Args:
        name: What the thread is called in reports.
        write: Writes an entry.
        flush: Called when all entries are written for now.
    """

    def __init__(
        self, name: str, write: Callable[[Entry], object], flush: Callable[[], object]
    ) -> None:
        self._name = name
        self._write = write
        self._flush = flush
        self._entries: deque[Entry] = deque()
        self._worker = BackgroundWorker(name)
        self._scheduled = False
        self._lost = 0
        self._problem: Exception | None = None

    def put(self, entry: Entry) -> None:
        """Hand in an entry, and return at once."""
        self._entries.append(entry)
        while len(self._entries) > CAPACITY:
            self._entries.popleft()
            self._lost += 1
            if self._lost == 1:
                _logger.warning("%s cannot keep up: the oldest values are lost", self._name)
        if not self._scheduled:
            self._scheduled = True
            self._worker.submit(self._drain)

    def _drain(self) -> None:
        self._scheduled = False
        try:
            while self._entries:
                self._write_first()
            self._flush()
        except Exception as error:
            self._problem = error

    def _write_first(self) -> None:
        entry = self._entries.popleft()
        try:
            self._write(entry)
        except BaseException:
            self._entries.appendleft(entry)
            raise

    def _finish(self, finish: Callable[[], object]) -> None:
        try:
            finish()
        except Exception as error:
            self._problem = error

    def wait(self, timeout: float) -> bool:
        """Wait until all was tried to be written, at most *timeout* seconds; whether it was."""
        return self._worker.flush(timeout)

    def raise_problem(self) -> None:
        """Raise what went wrong since this was last asked, if anything did."""
        problem, self._problem = self._problem, None
        if problem is not None:
            raise problem

    def close(self, timeout: float, finish: Callable[[], object]) -> None:
        """Write what is left, wait as `wait` does, let go of the thread, tell what was lost.

        Args:
            timeout: How many seconds to wait at most.
            finish: Called last, whether all could be written or not.
        """
        self._worker.submit(self._drain)
        self._worker.submit(lambda: self._finish(finish))
        self._worker.close(timeout)
        lost = self._lost + len(self._entries)
        self._entries.clear()
        if lost:
            _logger.warning("%s: %d entries could not be written and are lost", self._name, lost)
        self.raise_problem()
