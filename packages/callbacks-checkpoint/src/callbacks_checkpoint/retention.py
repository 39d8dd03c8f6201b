# SPDX-License-Identifier: MIT
"""Which files of a series to keep."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

from callbacks_core import Mode, whole_number


class SavedFile(NamedTuple):
    """A file of a series."""

    path: str
    """Where it is."""
    epoch: int
    """The epoch in which it was saved."""
    batch: int | None = None
    """The batch after which it was saved; None at the end of the epoch."""
    value: float | None = None
    """The monitored value, where there is one."""


class Retention:
    """Says which files to keep: each one that any of its rules wants.

    ``Retention(best=3, last=2, every=10)`` keeps the three best, the last two, and those of every
    tenth epoch. Whatever the rules say, a saver does not remove its last file.

    Args:
        best: How many to keep of those with the best values. Of equals, the older is better.
        last: How many to keep of the newest.
        every: Keep the file of the end of every so many epochs, counted from epoch 1; None keeps
            none for that.
        pinned: The numbers of epochs whose files, of their ends, are to be kept.

    Raises:
        TypeError: A number is no whole number, or *pinned* no collection of them.
        ValueError: A number is out of range, or no rule keeps anything.
    """

    def __init__(
        self,
        *,
        best: int = 0,
        last: int = 0,
        every: int | None = None,
        pinned: Collection[int] = (),
    ) -> None:
        whole_number("best", best, at_least=0)
        whole_number("last", last, at_least=0)
        if every is not None:
            whole_number("every", every, at_least=1)
        if not _is_collection(pinned):
            raise TypeError(f"`pinned` must be a set of epoch numbers, not {pinned!r}")
        for number in pinned:
            whole_number("pinned", number, at_least=1)
        if not (best or last or every or pinned):
            raise ValueError(
                "nothing would be kept: give `best`, `last`, `every` or `pinned`, such as "
                "Retention(best=1, last=1)"
            )
        self.best = best
        self.last = last
        self.every = every
        self.pinned = frozenset(pinned)

    def kept(self, files: Sequence[SavedFile], mode: Mode) -> list[SavedFile]:
        """Return those of *files* that are to be kept, in their order.

        Args:
            files: The files, oldest first.
            mode: ``"min"`` when smaller values are better, ``"max"`` when larger are.
        """
        wanted = set(best_first(files, mode)[: self.best])
        wanted.update(files[len(files) - self.last :])
        return [file for file in files if file in wanted or self._is_wanted(file)]

    def _is_wanted(self, file: SavedFile) -> bool:
        if file.batch is not None:
            return False
        in_turn = self.every is not None and file.epoch % self.every == 0
        return in_turn or file.epoch in self.pinned


def best_first(files: Sequence[SavedFile], mode: Mode) -> list[SavedFile]:
    """Return those of *files* that have a value, best first; of equals, the older first."""
    sign = 1.0 if mode == "min" else -1.0
    valued = [
        (sign * file.value, file)
        for file in files
        if file.value is not None and not math.isnan(file.value)
    ]
    return [file for _, file in sorted(valued, key=lambda pair: pair[0])]


def _is_collection(value: object) -> bool:
    return isinstance(value, Collection) and not isinstance(value, str | bytes)
