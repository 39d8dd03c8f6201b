# SPDX-License-Identifier: MIT
"""Second names for files, which stay while the files change."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from callbacks_core import durable_open, make_folder, sync_folder


def point(link: str, target: str) -> None:
    """Give the file *target* the second name *link*, at a stroke and durably.

    The name is a hard link: whoever opens it finds a plain file, and it still leads to one when
    the target's own name is removed. A symbolic link would dangle then, and needs privileges on
    Windows. A file system without hard links gets a copy. Only a folder, which can have no hard
    link, gets a symbolic one.

    Args:
        link: The name; what has it so far loses it.
        target: The file.

    Raises:
        OSError: The name cannot be given; it leads where it did before.
    """
    with contextlib.suppress(FileNotFoundError):
        if os.path.samefile(link, target):
            return
    folder = Path(link).parent
    make_folder(folder)
    temporary = f"{link}.tmp"
    Path(temporary).unlink(missing_ok=True)
    try:
        if os.path.isdir(target):
            os.symlink(os.path.relpath(target, folder), temporary, target_is_directory=True)
        else:
            os.link(target, temporary)
    except FileNotFoundError:
        raise
    except OSError:
        _copy(link, target)
        return
    try:
        os.replace(temporary, link)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(folder)


def _copy(link: str, target: str) -> None:
    with open(target, "rb") as source, durable_open(link) as copy:
        shutil.copyfileobj(source, copy, 1 << 20)
