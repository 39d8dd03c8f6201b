# SPDX-License-Identifier: MIT
"""The files of a saver: which are there, which is best, which are to be removed."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterable

from callbacks_core import Monitor, State, probe

from ._filename import FilenameTemplate
from ._files import remove
from ._links import point
from .retention import Retention, SavedFile, best_first
from .sharded import MANIFEST

_logger = logging.getLogger("callbacks_checkpoint")


class Ledger:
    """Keeps the books of a saver's files, and disk in line with them.

    Args:
        monitor: What tells which file is best. Its best value is kept to that of the best file.
        retention: Which files are to stay, besides the best one; None removes none, and then only
            the best file is remembered.
        best_link: A second name for the best file, or None.
        last_link: A second name for the newest file, or None.

    Raises:
        ValueError: The two second names are the same.
    """

    def __init__(
        self,
        monitor: Monitor,
        retention: Retention | None,
        best_link: str | None = None,
        last_link: str | None = None,
    ) -> None:
        self.monitor = monitor
        self._retention = retention
        if best_link is not None and best_link == last_link:
            raise ValueError(f"`best_link` and `last_link` must differ, and are {best_link!r}")
        self.best_link = best_link
        self.last_link = last_link
        self.reset()

    def reset(self) -> None:
        """Forget every file."""
        self.monitor.reset()
        self._files: list[SavedFile] = []
        self._replaced: list[SavedFile] = []
        self._newest: SavedFile | None = None

    def refuse_hopeless_links(self) -> None:
        """Find out whether the second names can be given.

        Raises:
            HopelessPathError: One of them cannot.
        """
        for link in (self.best_link, self.last_link):
            if link is not None:
                probe(link)

    @property
    def best(self) -> SavedFile | None:
        """The file with the best value, or None."""
        found = best_first(self._files, self.monitor.mode)
        return found[0] if found else None

    def saved(self, file: SavedFile) -> None:
        """Take note of a file that is on disk now."""
        self._newest = file
        others = [known for known in self._files if known.path != file.path]
        self._replaced = [known for known in self._replaced if known.path != file.path]
        self._keep([*others, file])

    def discard(self, files: Iterable[SavedFile]) -> None:
        """Take note of files of an earlier training, which are to go once there is a new one."""
        known = {file.path for file in (*self._files, *self._replaced)}
        self._replaced += [file for file in files if file.path not in known]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was saved yet."""
        return not self._files

    def failed(self, file: SavedFile) -> None:
        """Take note that saving a file failed: it may be there all the same.

        It is when its folder could not be brought to disk. With a retention it is to go then, so
        that it does not stay for ever.
        """
        known = (*self._files, *self._replaced)
        if self._retention is not None and all(other.path != file.path for other in known):
            self._replaced.append(file)

    def _keep(self, files: list[SavedFile]) -> None:
        self._files = files
        best = self.best
        rule = self._retention or Retention(last=1)
        kept = rule.kept(files, self.monitor.mode)
        self._files = [file for file in files if file in kept or file is best]
        if self._retention is not None:
            self._replaced += [file for file in files if file not in self._files]
        self.monitor.best = self._best_value()

    def _best_value(self) -> float:
        best = self.best
        if best is None or best.value is None:
            return math.inf if self.monitor.mode == "min" else -math.inf
        return best.value

    def resume(self, template: FilenameTemplate, epoch: int, batch: int | None) -> None:
        """Bring the books, which may be old, in line with what is on disk.

        With a retention, files that fit the name and are from later on are what a killed run has
        left: they are to be removed in due time, unless they are saved again.

        Args:
            template: The files' name.
            epoch: The epoch in which the books were written.
            batch: The batch after which they were; None when the epoch was over.
        """
        before = self.best
        self._files = [file for file in self._files if _is_there(file)]
        if before is not None and not _is_there(before):
            _logger.warning("the best checkpoint %r is gone; the best of the rest is", before.path)
        self.monitor.best = self._best_value()
        if self._retention is None:
            return
        known = {file.path for file in (*self._files, *self._replaced)}
        for path, its_epoch, its_batch in template.matches():
            file = SavedFile(path, its_epoch, its_batch)
            later = (its_epoch, its_batch or math.inf) > (epoch, batch or math.inf)
            if later and path not in known and _is_there(file):
                self._replaced.append(file)

    def tidy(self) -> None:
        """Have the second names lead to the right files, then remove what is to go.

        The last file there is stays in any case. What cannot be removed is tried again.

        Raises:
            OSError: A second name cannot be given; nothing was removed then.
        """
        for link, file in ((self.best_link, self.best), (self.last_link, self._newest)):
            if link is not None and file is not None and _is_there(file):
                point(link, file.path)
        if not any(_is_there(file) for file in self._files):
            spared = [file for file in self._replaced if _is_there(file)][-1:]
            self._replaced = [file for file in self._replaced if file not in spared]
            self._files += spared
        left = remove(file.path for file in self._replaced)
        self._replaced = [file for file in self._replaced if file.path in left]

    def state_dict(self) -> State:
        """Return the files in plain types."""
        return {
            "files": [list(file) for file in self._files],
            "replaced": [list(file) for file in self._replaced],
            "newest": None if self._newest is None else list(self._newest),
        }

    def load_state_dict(self, state: State) -> None:
        """Take up the files."""
        self._files = [SavedFile(*file) for file in state["files"]]
        self._replaced = [SavedFile(*file) for file in state["replaced"]]
        self._newest = None if state["newest"] is None else SavedFile(*state["newest"])
        self.monitor.best = self._best_value()


def _is_there(file: SavedFile) -> bool:
    return os.path.isfile(file.path) or os.path.isfile(os.path.join(file.path, MANIFEST))
