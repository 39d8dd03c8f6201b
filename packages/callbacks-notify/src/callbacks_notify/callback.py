# SPDX-License-Identifier: MIT
"""The callback that tells somebody how training goes."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from callbacks_core import Callback, is_rank_zero, whole_number

from . import messages
from .delivery import Delivery
from .notificator import Sender, as_sender

if TYPE_CHECKING:
    from callbacks_core import FailurePolicy, Logs


class NotificationCallback(Callback):
    """Send a notification when training or testing begins, ends or fails, and every few epochs.

    Messages are sent by a thread of their own: training never waits for a channel, and goes on
    when it fails. The log tells of the first failure, and at the end how many messages were lost.
    Only the process of rank zero sends any.

    Args:
        notificator: Anything with a method ``send_notification(message, *, subject=None)``: a
            `Notificator`, or an object of the package notif.
        alert_frequency: Send the values of every epoch whose number can be divided by this.
        experiment_name: A name to add to the subjects.
        timeout: How many seconds to wait, at the end, for what is not sent yet.

    Raises:
        TypeError: *notificator* cannot send notifications, or another argument is of the wrong
            kind.
        ValueError: *alert_frequency* is less than 1, or *timeout* is negative or not
            finite.
    """

    on_error: FailurePolicy = "disable"

    def __init__(
        self,
        notificator: Sender,
        alert_frequency: int = 1,
        experiment_name: str | None = None,
        *,
        timeout: float = 30.0,
    ) -> None:
        whole_number("alert_frequency", alert_frequency, at_least=1)
        if experiment_name is not None and not isinstance(experiment_name, str):
            raise TypeError(f"`experiment_name` must be a str, not {experiment_name!r}")
        if isinstance(timeout, bool) or not isinstance(timeout, int | float):
            raise TypeError(f"`timeout` must be a number of seconds, not {timeout!r}")
        if not 0 <= timeout < inf:
            raise ValueError(f"`timeout` must be zero or more, and finite, not {timeout!r}")
        self.notificator = as_sender(notificator)
        self.alert_frequency = alert_frequency
        self.experiment_name = experiment_name
        self.timeout = timeout
        self._delivery = Delivery(self.notificator)
        self._running = ""
        self._epoch = 0

    def on_train_begin(self, logs: Logs) -> None:
        """Tell that training begins."""
        self._running = "training"
        self._epoch = 0
        self._send("Start of the training")

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Tell the values of the epoch, if it is one of those."""
        self._epoch = epoch_number
        if epoch_number % self.alert_frequency == 0:
            self._send(f"Epoch {epoch_number} is done", messages.values("epoch", logs))

    def on_train_end(self, logs: Logs) -> None:
        """Tell that training is done, and whether it was stopped."""
        stopped = self.model.stop_training
        self._send("End of the training", messages.stopped(self._epoch) if stopped else "")
        self._running = ""

    def on_test_begin(self, logs: Logs) -> None:
        """Tell that testing begins."""
        self._running = "testing"
        self._send("Start of the testing")

    def on_test_end(self, logs: Logs) -> None:
        """Tell the values of the test."""
        self._send("End of the testing", messages.values("test", logs))
        self._running = ""

    def on_exception(self, exception: BaseException) -> None:
        """Tell what ended the run; Ctrl-C and a request to exit are interruptions."""
        what = self._running or "run"
        ended = "failed" if isinstance(exception, Exception) else "was interrupted"
        self._send(f"The {what} {ended}", messages.failure(exception))
        self._running = ""

    def close(self) -> None:
        """Wait for what is not sent yet, but not for ever."""
        self._delivery.finish(self.timeout)

    def _send(self, text: str, message: str = "") -> None:
        if is_rank_zero():
            self._delivery.post(messages.subject(text, self.experiment_name), message)
