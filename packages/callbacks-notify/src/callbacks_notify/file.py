# SPDX-License-Identifier: MIT
"""Notifications in a file."""

from __future__ import annotations

from datetime import datetime

from callbacks_core import PathLike, as_path, probe

from .notificator import Notificator


class FileNotificator(Notificator):
    """Append notifications to a text file, each with the time: a diary of the run.

    Args:
        path: The file; its folder is made.

    Raises:
        TypeError: *path* is no path.
        HopelessPathError: Nothing can ever be written there.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = as_path("path", path)
        probe(self.path)

    def send_notification(self, message: str, *, subject: str | None = None) -> None:
        """Append the subject and the message."""
        now = datetime.now().isoformat(" ", "seconds")
        text = f"[{now}] {subject or ''}".rstrip() + "\n"
        if message.strip():
            text += message.rstrip() + "\n"
        with open(self.path, "a", encoding="utf-8", errors="replace") as file:
            file.write(text)
