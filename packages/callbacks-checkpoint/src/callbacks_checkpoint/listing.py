# SPDX-License-Identifier: MIT
"""The checkpoints in a folder: what they are, which are whole, which is best."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from callbacks_core import Mode, PathLike

from .checkpoint_file import load_checkpoint, verify_checkpoint
from .errors import CheckpointError
from .retention import SavedFile, best_first
from .sharded import MANIFEST, verify_sharded
from .unsealing import read_about

_logger = logging.getLogger("callbacks_checkpoint")

SUFFIXES: Final = (".pt", ".pth", ".ckpt", ".bin", ".safetensors")
"""What the names of files end with that are taken for checkpoints, sealed or not."""


class ListedCheckpoint(NamedTuple):
    """A checkpoint in a folder."""

    path: Path
    size: int
    """In bytes."""
    modified: int
    """When it was written, in nanoseconds since 1970."""
    about: dict[str, Any]
    """What its seal tells of it; empty without a seal."""
    verdict: Literal["whole", "unverified", "damaged", "unread"]
    why: str
    """What is wrong with it, if it is damaged."""
    inode: tuple[int, int]
    """The same for two names of one file."""

    @property
    def series(self) -> str:
        """The name, with fields, under which its saver wrote it; empty where none is known."""
        return str(self.about.get("series", ""))

    @property
    def mode(self) -> Mode:
        """Whether small or large values are good."""
        return "max" if self.about.get("mode") == "max" else "min"

    @property
    def is_good(self) -> bool:
        """Whether nothing speaks against it."""
        return self.verdict != "damaged"

    def saved(self) -> SavedFile:
        """Return it as a rule of retention sees it.

        Without a seal there is no epoch, which counts as saved within one: neither in turn nor
        pinned.
        """
        epoch, batch, value = (self.about.get(name) for name in ("epoch", "batch", "value"))
        if epoch is None:
            return SavedFile(os.fspath(self.path), 0, 0)
        return SavedFile(os.fspath(self.path), epoch, batch, value)


def list_checkpoints(
    folder: PathLike, *, pattern: str = "*", verify: bool = True
) -> list[ListedCheckpoint]:
    """Return the checkpoints in a folder, series by series, the oldest of each first.

    They are the sealed files, and others whose names end like those of checkpoints. Folders with
    sharded checkpoints are not among them: `list_sharded` tells of these.

    Args:
        folder: The folder; those within it are not looked at.
        pattern: What the names must match, such as ``"weights-*.pt"``.
        verify: Whether to read them through, to find out whether they are whole.

    Raises:
        OSError: The folder cannot be read.
    """
    found = [
        _looked_at(Path(entry.path), verify)
        for entry in os.scandir(folder)
        if fnmatch(entry.name, pattern) and entry.is_file() and not entry.name.endswith(".tmp")
    ]
    listed = [file for file in found if file.about or file.path.suffix in SUFFIXES]
    return sorted(listed, key=lambda file: (file.series, *_age(file), file.path))


def _looked_at(path: Path, verify: bool) -> ListedCheckpoint:
    status = path.stat()
    about: dict[str, Any] = {}
    verdict: Literal["whole", "unverified", "damaged", "unread"] = "unread"
    why = ""
    try:
        with open(path, "rb") as file:
            about = read_about(file) or {}
        if verify and (about or path.suffix in SUFFIXES):
            verdict = verify_checkpoint(path).verdict
    except (CheckpointError, OSError) as error:
        verdict, why = "damaged", error.why if isinstance(error, CheckpointError) else str(error)
    inode = (status.st_dev, status.st_ino)
    return ListedCheckpoint(path, status.st_size, status.st_mtime_ns, about, verdict, why, inode)


def list_sharded(
    folder: PathLike, *, pattern: str = "*", verify: bool = True
) -> list[ListedCheckpoint]:
    """Return the sharded checkpoints in a folder, each of which is a folder itself, by name.

    Args:
        folder: The folder; those within it are looked at, and no deeper.
        pattern: What the names must match.
        verify: Whether to read their shards through, to find out whether they are whole.

    Raises:
        OSError: The folder cannot be read.
    """
    names = [entry.name for entry in os.scandir(folder) if (Path(entry.path) / MANIFEST).is_file()]
    return [
        _sharded_one(Path(folder, name), verify) for name in sorted(names) if fnmatch(name, pattern)
    ]


def _sharded_one(path: Path, verify: bool) -> ListedCheckpoint:
    verdict: Literal["whole", "damaged", "unread"] = "unread"
    why = ""
    try:
        if verify:
            verify_sharded(path)
            verdict = "whole"
    except (CheckpointError, OSError) as error:
        verdict, why = "damaged", error.why if isinstance(error, CheckpointError) else str(error)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    status = (path / MANIFEST).stat()
    inode = (status.st_dev, status.st_ino)
    return ListedCheckpoint(path, size, status.st_mtime_ns, {}, verdict, why, inode)


def best_checkpoint(files: Sequence[ListedCheckpoint]) -> ListedCheckpoint | None:
    """Return the file with the best value of those that nothing speaks against, or None."""
    good = {os.fspath(file.path): file for file in files if file.is_good}
    mode = next(iter(good.values())).mode if good else "min"
    best = best_first([file.saved() for file in good.values()], mode)
    return good[best[0].path] if best else None


class LoadedCheckpoint(NamedTuple):
    """A checkpoint that was loaded."""

    state: Any
    """What it holds."""
    path: Path
    """The file it was."""
    about: dict[str, Any]
    """What its seal tells of it."""


def load_newest(
    folder: PathLike, *, pattern: str = "*", map_location: Any = "cpu"
) -> LoadedCheckpoint:
    """Load the newest checkpoint of a folder that is whole, and say so when it is not the newest.

    A file that is damaged, or not safe to load, is passed over with a warning in the log.

    Args:
        folder: The folder.
        pattern: What the names must match; where several savers share a folder, those of one.
        map_location: Where its tensors go, as for `torch.load`.

    Raises:
        FileNotFoundError: There is no checkpoint, no such folder, or there are sharded
            checkpoints alone, which the message names.
        CheckpointError: None of those that there are can be loaded; the message lists them.
    """
    files = list_checkpoints(folder, pattern=pattern, verify=False)
    if not files:
        raise FileNotFoundError(
            f"there is no checkpoint {pattern!r} in {os.fspath(folder)!r}"
            f"{_sharded(folder, pattern)}"
        )
    problems: list[str] = []
    for file in sorted(files, key=_age, reverse=True):
        try:
            state = load_checkpoint(file.path, map_location=map_location)
        except (CheckpointError, OSError) as error:
            problems.append(str(error))
            continue
        for problem in problems:
            _logger.warning("%s; going back to %r", problem, os.fspath(file.path))
        return LoadedCheckpoint(state, file.path, file.about)
    raise CheckpointError(os.fspath(folder), "none is good: " + "; ".join(problems))


def _sharded(folder: PathLike, pattern: str) -> str:
    """Return what to say of the sharded checkpoints in a folder; nothing where there are none."""
    found = list_sharded(folder, pattern=pattern, verify=False)
    return f"; {found[-1].path.name!r} is sharded, which load_sharded reads" if found else ""


def _age(file: ListedCheckpoint) -> tuple[int, float, float, int]:
    """Return what sorts files of one series by age, whatever copying did to their times.

    A file of a training that was started later, where files tell of it, is newer in any case.
    """
    saved = file.saved()
    batch = float("inf") if saved.batch is None else saved.batch
    return int(file.about.get("started", 0)), saved.epoch, batch, file.modified
