# SPDX-License-Identifier: MIT
"""Delivery of messages in the background."""

from __future__ import annotations

import logging

from callbacks_core import BackgroundWorker

from .notificator import Sender

_logger = logging.getLogger(__name__)


class Delivery:
    """Hands messages to a sender, in a thread of its own; failures are told once, and counted.

    Only the kind of an error is told: its text may hold the address of a webhook, and that is as
    good as a password.

    Args:
        sender: What sends them.

    Attributes:
        sent: How many messages the sender took.
        failed: How many it refused.
    """

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.sent = self.failed = self._posted = 0
        self._worker = BackgroundWorker(type(sender).__name__)

    def post(self, subject: str, message: str) -> None:
        """Take a message, and return at once."""
        self._posted += 1
        self._worker.submit(lambda: self._send(subject, message))

    def _send(self, subject: str, message: str) -> None:
        try:
            self.sender.send_notification(message, subject=subject)
        except Exception as error:
            self.failed += 1
            if self.failed == 1:
                _logger.warning(
                    "%s could not send %r: %s; training goes on, and further failures are only "
                    "counted",
                    type(self.sender).__name__,
                    subject,
                    type(error).__name__,
                )
            return
        self.sent += 1

    def finish(self, timeout: float) -> None:
        """Wait until all is delivered, at most *timeout* seconds, and tell how much was not."""
        self._worker.close(timeout)
        lost = self._posted - self.sent
        if lost:
            _logger.warning(
                "%d of %d notifications were not delivered by %s",
                lost,
                self._posted,
                type(self.sender).__name__,
            )
        self._posted = self.sent = self.failed = 0
