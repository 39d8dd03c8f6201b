# SPDX-License-Identifier: MIT
"""The files of a saver: tried before training, written, read, removed."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any, Final

from callbacks_core import HopelessPathError, durable_open, make_folder, one_of, probe, sync_folder

from .sharded import MANIFEST

_logger = logging.getLogger("callbacks_checkpoint")

_NEW_FILE: Final = ("wb", "w", "wt", "w+", "w+b", "wb+")
_IN_PLACE: Final = tuple(mode.replace("w", letter) for letter in "wax" for mode in _NEW_FILE)


def check_mode(open_mode: str, *, atomic: bool, binary: bool) -> None:
    """Raise unless files can be written in *open_mode*.

    Args:
        open_mode: The mode for `open`.
        atomic: Whether a new file takes the place of the old one; it cannot be appended to then.
        binary: Whether what is written is bytes.

    Raises:
        ValueError: The mode does not write, or not what it has to.
    """
    if atomic and open_mode in _IN_PLACE and open_mode not in _NEW_FILE:
        raise ValueError(
            f"`open_mode` {open_mode!r} needs `atomic_write=False`, as an atomic write makes a new "
            f"file"
        )
    one_of("open_mode", open_mode, _NEW_FILE if atomic else _IN_PLACE)
    if binary and "b" not in open_mode:
        raise ValueError(f"`open_mode` must be binary here, such as 'wb', not {open_mode!r}")


def open_to_write(
    path: str, open_mode: str, *, atomic: bool, temporary: str | None
) -> AbstractContextManager[IO[Any]]:
    """Open *path* to be written durably, as a whole or in place."""
    if atomic:
        return durable_open(path, open_mode, temporary=temporary)
    return _open_in_place(path, open_mode)


@contextmanager
def _open_in_place(path: str, open_mode: str) -> Iterator[IO[Any]]:
    folder = Path(path).parent
    make_folder(folder)
    with open(path, open_mode, encoding=_encoding(open_mode)) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    sync_folder(folder)


def open_to_read(path: str, open_mode: str) -> IO[Any]:
    """Open a file that was written in *open_mode*."""
    return open(path, "rb" if "b" in open_mode else "r", encoding=_encoding(open_mode))


def _encoding(open_mode: str) -> str | None:
    return None if "b" in open_mode else "utf-8"


def refuse_hopeless(path: Path, temporary: str | None) -> None:
    """Find out whether files like *path* can be written, by way of *temporary* if there is one.

    Raises:
        HopelessPathError: They cannot, or the two are on different file systems, where one
            cannot replace the other at a stroke.
    """
    probe(path)
    if temporary is None:
        return
    probe(temporary)
    if os.stat(path.parent).st_dev != os.stat(Path(temporary).parent).st_dev:
        raise HopelessPathError(
            errno.EXDEV, f"is on another file system than {os.fspath(path)!r}", temporary
        )


def remove(paths: Iterable[str]) -> list[str]:
    """Remove files for good; return those that could not be, having told why.

    A missing one is no error. When this returns the removal is on disk, so that no power cut
    brings a file back that nobody knows of any more.
    """
    left = []
    folders: dict[Path, list[str]] = {}
    for path in paths:
        try:
            _remove(Path(path))
            folders.setdefault(Path(path).parent, []).append(path)
        except OSError as error:
            _tell(path, error)
            left.append(path)
    for folder, removed in folders.items():
        try:
            sync_folder(folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            _tell(removed[0], error)
            left += removed
    return left


def _remove(path: Path) -> None:
    if (path / MANIFEST).is_file():
        (
            path / MANIFEST
        ).unlink()  # first: what is left is no checkpoint, rather than a damaged one
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _tell(path: str, error: OSError) -> None:
    _logger.warning("cannot remove the replaced checkpoint %r: %s", path, error)
