# SPDX-License-Identifier: MIT
"""Files that a crash leaves whole: the old content or the new one, never a half."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias

from .errors import FatalCallbackError, one_of

if TYPE_CHECKING:
    from pathlib import Path

PathLike: TypeAlias = "str | os.PathLike[str]"
Durability: TypeAlias = Literal["fsync", "rename"]

_NO_FOLDER_SYNC = {errno.EINVAL, errno.EACCES, errno.EPERM, errno.ENOTSUP, errno.EBADF}


class HopelessPathError(FatalCallbackError, OSError):
    """A path that can never be written: refused before the first batch."""


def as_path(argument: str, value: PathLike) -> Path:
    """Return *value* as a `Path`.

    Args:
        argument: The argument's name, for the message.
        value: A str or a path.

    Raises:
        TypeError: *value* is neither.
        ValueError: *value* is empty.
    """
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"`{argument}` must be a str or a path, not {value!r}")
    text = os.fspath(value)
    if not isinstance(text, str):
        raise TypeError(f"`{argument}` must be a str path, not bytes: {value!r}")
    if not text:
        raise ValueError(f"`{argument}` must not be empty")
    from pathlib import Path

    return Path(text)


def make_folder(path: PathLike, *, durability: Durability = "fsync") -> None:
    """Make a folder and its missing parents, durably.

    Args:
        path: The folder.
        durability: ``"fsync"`` also writes the entries of the new folders to disk.
    """
    from pathlib import Path  # a fifth of this package's import time

    folder = Path(path)
    if folder.is_dir():
        return
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    if durability == "fsync":
        for made in missing:
            sync_folder(made.parent)


def sync_folder(path: PathLike) -> None:
    """Write a folder's entries to disk, where the file system can."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def durable_open(
    path: PathLike,
    mode: str = "wb",
    *,
    temporary: PathLike | None = None,
    durability: Durability = "fsync",
    encoding: str | None = None,
    newline: str | None = None,
) -> Iterator[IO[Any]]:
    """Open a file to be replaced as a whole when the block ends well.

    The bytes go to a temporary file in the target's own folder, are flushed and synced, and only
    then take the target's name; the folder is synced last. When anything fails, the old file is
    as it was and the temporary one is gone. The temporary name is always the same, so what a
    killed process leaves is overwritten by the next save. A link is replaced, not followed.

    Args:
        path: The file to replace. Missing parents are made.
        mode: ``"wb"`` or ``"w"``; text is UTF-8 unless *encoding* says otherwise.
        temporary: The temporary file's path instead of *path* with ``.tmp`` added. It must be on
            the same file system.
        durability: ``"fsync"`` survives a power cut once the block has ended; ``"rename"`` skips
            the syncs, for slow network disks, and survives a kill only.
        encoding: The encoding of text.
        newline: As for `open`; ``""`` for CSV.

    Yields:
        The open file.

    Raises:
        ValueError: *mode* does not write a new file, or *durability* is unknown.
        OSError: The file cannot be written.
    """
    one_of("mode", mode, ("wb", "w", "wt", "w+", "w+b", "wb+"))
    one_of("durability", durability, ("fsync", "rename"))
    target = os.fspath(path)
    staged = f"{target}.tmp" if temporary is None else temporary
    folder = os.path.dirname(target) or os.curdir
    make_folder(folder, durability=durability)
    if "b" not in mode and encoding is None:
        encoding = "utf-8"
    try:
        with open(staged, mode, encoding=encoding, newline=newline) as file:
            yield file
            file.flush()
            if durability == "fsync":
                os.fsync(file.fileno())
        os.replace(staged, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(staged)
        raise
    if durability == "fsync":
        sync_folder(folder)


def probe(path: PathLike) -> None:
    """Find out now whether a file can be written at *path*, and make its folder, durably.

    A file that is there already is left alone; otherwise an empty one is made and removed.

    Args:
        path: Where a file is to be written later.

    Raises:
        HopelessPathError: It cannot: a folder of that name is there, a file stands where a folder
            should, the name is too long, writing is not permitted, the disk is full or read-only.
    """
    target = os.fspath(path)
    try:
        if os.path.isdir(target):
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        make_folder(os.path.dirname(target) or os.curdir)
        if os.path.exists(target):
            with open(target, "ab"):
                return
        trial = f"{target}.tmp"
        try:
            with open(trial, "wb") as file:
                file.write(b"\0")
        finally:
            os.unlink(trial)
    except FileExistsError as error:
        problem = f"cannot be written ({error.filename!r} is a file where a folder should be)"
        raise HopelessPathError(errno.ENOTDIR, problem, target) from error
    except OSError as error:
        raise HopelessPathError(
            error.errno, f"cannot be written ({error.strerror or error})", target
        ) from error
