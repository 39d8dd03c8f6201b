# SPDX-License-Identifier: MIT
"""One try to send a message, in a thread that can be left behind."""

from __future__ import annotations

import threading

from callbacks_core import redacted

from .news import News, folded
from .notificator import Sender


class Attempt:
    """Sends *batch* as one message; a sender that never returns hangs here, and nowhere else.

    Args:
        sender: What sends it.
        batch: The messages.
        changed: Is notified when the attempt is over.

    Attributes:
        done: Whether it is over.
        error: What was raised; None when the message was taken.
    """

    def __init__(self, sender: Sender, batch: list[News], changed: threading.Condition) -> None:
        self.batch = batch
        self.done = False
        self.error: BaseException | None = None
        self._sender = sender
        self._changed = changed
        name = f"{type(sender).__name__} (one message)"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    @property
    def delivered(self) -> bool:
        """Whether the message was taken."""
        return self.done and self.error is None

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            subject, message = folded(self.batch)
            self._sender.send_notification(redacted(message), subject=redacted(subject))
        except BaseException as raised:  # a sender that calls sys.exit() has not sent either
            error = raised
        with self._changed:
            self.error = error
            self.done = True
            self._changed.notify_all()
