# SPDX-License-Identifier: MIT
"""Which file is the best so far, and which ones it has replaced."""

from __future__ import annotations

from callbacks_core import Monitor, State

from ._files import remove


class BestFile:
    """The best file of a training, and those before it that are still to be removed.

    Args:
        monitor: What tells which epoch is best.
        keep_only_last: Whether a file that is best no more is to be removed.

    Attributes:
        path: The best file so far, or None.
    """

    def __init__(self, monitor: Monitor, *, keep_only_last: bool) -> None:
        self._monitor = monitor
        self._keep_only_last = keep_only_last
        self.reset()

    def reset(self) -> None:
        """Forget every file."""
        self._monitor.reset()
        self.path: str | None = None
        self._replaced: list[str] = []

    def saved(self, path: str, value: float) -> None:
        """Take note that the file at *path* is on disk and best, by *value*."""
        self._monitor.best = value
        if self._keep_only_last and self.path is not None:
            self._replaced.append(self.path)
        self.path = path
        self._replaced = [replaced for replaced in self._replaced if replaced != path]

    def remove_replaced(self) -> None:
        """Remove the files that are best no more; one that cannot be is tried again next time."""
        self._replaced = remove(self._replaced)

    def state_dict(self) -> State:
        """Return the best value, its file, and the files still to be removed."""
        return {
            "monitor": self._monitor.state_dict(),
            "best_filename": self.path,
            "replaced": list(self._replaced),
        }

    def load_state_dict(self, state: State) -> None:
        """Take up the best value and the files."""
        self._monitor.load_state_dict(state["monitor"])
        self.path = state["best_filename"]
        self._replaced = list(state["replaced"])
