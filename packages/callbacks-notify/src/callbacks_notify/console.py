# SPDX-License-Identifier: MIT
"""Notifications for somebody who looks at the terminal."""

from __future__ import annotations

import sys

from .notificator import Notificator

_CLEAR_ROW = "\r\x1b[K"


class ConsoleNotificator(Notificator):
    """Print notifications to standard output.

    In a terminal they take the row of a progress display that is being drawn, which goes on
    below. Where nothing can be printed, nothing is.
    """

    def send_notification(self, message: str, *, subject: str | None = None) -> None:
        """Print the subject and the message, each on rows of its own."""
        stream = sys.stdout
        if stream is None:
            return
        lines = [text.rstrip() for text in (subject or "", message) if text.strip()]
        encoding = getattr(stream, "encoding", None) or "utf-8"
        try:
            clear = _CLEAR_ROW if stream.isatty() else ""
            for line in lines:
                stream.write(clear + line.encode(encoding, "replace").decode(encoding) + "\n")
            stream.flush()
        except (OSError, ValueError):  # a broken pipe, a full disk, a closed file
            return
