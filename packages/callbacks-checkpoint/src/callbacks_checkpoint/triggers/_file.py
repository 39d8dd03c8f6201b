# SPDX-License-Identifier: MIT
"""A trigger for people with a shell."""

from __future__ import annotations

import logging
import math
import os
from time import monotonic

from callbacks_core import PathLike, as_path, is_rank_zero

from ._trigger import Trigger

_logger = logging.getLogger("callbacks_checkpoint")


class OnFile(Trigger):
    """Goes off when a file appears, such as by ``touch save.now``.

    Once the save is made the file is removed, at the next look at the earliest, so that several
    savers can have the same one. Touching it again asks for another save.

    Args:
        path: The file.
        look_every: The seconds between two looks at it; 0 looks after each batch.

    Raises:
        TypeError: *path* is no path, or *look_every* no number.
        ValueError: *path* is empty, or *look_every* negative or not finite.
    """

    within_epochs = True

    def __init__(self, path: PathLike, *, look_every: float = 1.0) -> None:
        as_path("path", path)
        self.path = os.fspath(path)
        if isinstance(look_every, bool) or not isinstance(look_every, int | float):
            raise TypeError(f"`look_every` must be a number of seconds, not {look_every!r}")
        if not 0 <= look_every < math.inf:
            raise ValueError(f"`look_every` must be 0 or more, and finite, not {look_every!r}")
        self.look_every = look_every
        self._reset()

    def _reset(self) -> None:
        self._next_look = -math.inf
        self._seen: int | None = None
        self._honoured: int | None = None
        self._told = False

    def begin(self, *, resumed: bool) -> None:
        self._reset()

    def after_batch(self) -> bool:
        now = monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + self.look_every
        return self._look()

    def after_epoch(self, epoch_number: int) -> bool:
        return self._look()

    def _look(self) -> bool:
        """Whether the file is there and asks for a save; remove it when it has had one."""
        self._seen = self._touched() if is_rank_zero() else None
        if self._seen is None:
            return False
        if self._seen != self._honoured:
            return True
        self._remove()
        return False

    def _touched(self) -> int | None:
        try:
            return os.stat(self.path).st_mtime_ns
        except OSError:
            return None

    def _remove(self) -> None:
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass
        except OSError as error:
            if not self._told:
                _logger.warning("cannot remove the control file %r: %s", self.path, error)
            self._told = True

    def done(self, *, saved: bool) -> None:
        if saved and self._seen is not None:
            self._honoured = self._seen

    def end(self) -> None:
        if self._honoured is not None and self._touched() == self._honoured:
            self._remove()
        self._reset()
