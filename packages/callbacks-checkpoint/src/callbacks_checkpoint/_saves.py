# SPDX-License-Identifier: MIT
"""What becomes of the saves of a callback: at once, or later in the background."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from callbacks_core import is_rank_zero

from ._background import Background
from ._ledger import Ledger
from .errors import SaveFailedError
from .retention import SavedFile


class _Failure(NamedTuple):
    path: str
    when: str
    error: Exception


class Saves:
    """Follows each save to its end, and tells the books, and training, what became of it.

    Args:
        ledger: The books.
        background: What writes while training goes on, or None when training waits.
    """

    def __init__(self, ledger: Ledger, background: Background | None) -> None:
        self.ledger = ledger
        self.background = background
        self._late_errors: list[Exception] = []
        self._failure: _Failure | None = None

    @property
    def last_has_failed(self) -> bool:
        """Whether the last save that has ended is not on disk."""
        return self._failure is not None

    def begin(self) -> None:
        """Forget what became of earlier saves, once the background is done with them."""
        if self.background is not None:
            self.background.close()
            self._take_note()
        self._late_errors = []
        self._failure = None

    def is_free(self) -> bool:
        """Whether a save that is due can begin; what has ended until then is taken note of."""
        if self.background is None:
            return True
        is_free = self.background.is_free()
        self._take_note()
        return is_free

    def is_best(self, value: float) -> bool:
        """Whether *value* is better than that of each file, on disk or on its way there."""
        monitor = self.ledger.monitor
        under_way = () if self.background is None else self.background.values_under_way()
        return monitor.is_better(value) and all(
            value < other if monitor.mode == "min" else value > other for other in under_way
        )

    def try_to(self, begin_or_write: Callable[[], object], file: SavedFile) -> None:
        """Write *file*, or begin to, and take note when that fails.

        Raises:
            Exception: It has failed.
        """
        try:
            begin_or_write()
        except Exception as error:
            self._failed(file, error)
            raise

    def succeeded(self, file: SavedFile) -> None:
        """Take note of a file that is on disk now."""
        self._failure = None
        self.ledger.saved(file)

    def _failed(self, file: SavedFile, error: Exception) -> None:
        when = f"after epoch {moment(file)}"
        self._failure = _Failure(file.path, when, error)
        self.ledger.failed(file)
        error.add_note(f"while saving {file.path!r} {when}")

    def _take_note(self) -> None:
        """Take note of what has ended in the background."""
        if self.background is None:
            return
        for file, error in self.background.ended():
            if error is None:
                self.succeeded(file)
            else:
                self._failed(file, error)
                self._late_errors.append(error)

    @contextmanager
    def telling_late_errors(self) -> Iterator[None]:
        """Raise the first error of the background after the block, unless it raises itself."""
        self._take_note()
        yield
        late, self._late_errors = self._late_errors, []
        if late:
            raise late[0]

    def tidy(self) -> None:
        """Bring second names up to date, and remove what was replaced."""
        if is_rank_zero():
            self.ledger.tidy()

    def tidy_at_end(self, filename: str) -> None:
        """Do as `tidy` does, and count what fails as the last save, for want of another try.

        Args:
            filename: What to name where an error names no file.
        """
        try:
            self.tidy()
        except OSError as link:  # a second name; the rest is to be done all the same
            where = str(link.filename2 or link.filename or filename)
            self._failure = self._failure or _Failure(where, "at the end of training", link)

    def refuse_failure(self) -> None:
        """Raise if the last save has failed.

        Raises:
            SaveFailedError: It has.
        """
        if self._failure is not None:
            path, when, error = self._failure
            raise SaveFailedError(
                f"the last save failed: {path!r} could not be written {when}: "
                f"{type(error).__name__}: {error}"
            ) from error

    def wait(self) -> None:
        """Wait until nothing is being written, and take note."""
        if self.background is not None:
            self.background.drain()
            self._take_note()

    def close(self) -> None:
        """Wait, let go of the memory, and do what is left to do.

        Raises:
            Exception: A save in the background has failed.
        """
        if self.background is not None:
            self.background.close()
            with self.telling_late_errors():
                self.tidy()


def moment(file: SavedFile) -> str:
    """Return the number of a file's epoch, and of its batch where it has one."""
    return f"{file.epoch}" if file.batch is None else f"{file.epoch}, batch {file.batch}"
