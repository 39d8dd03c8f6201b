# SPDX-License-Identifier: MIT
"""The callback that tells somebody how training goes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, Final

from callbacks_core import (
    Callback,
    Mode,
    Monitor,
    did_you_mean,
    is_rank_zero,
    one_of,
    redacted,
    stop_reason,
    whole_number,
)

from . import messages
from .delivery import Delivery
from .foreign import protect
from .news import SEVERITIES, News, Severity
from .notificator import Sender, as_sender
from .quiet_hours import QuietHours
from .record import Record
from .seconds import check_seconds
from .template import Template, Words
from .watchdog import Watchdog

if TYPE_CHECKING:
    from callbacks_core import FailurePolicy, Logs, State

_logger = logging.getLogger(__name__)

_SIGNS_OF_LIFE: Final = ("on_train_batch_end", "on_valid_batch_end", "on_test_batch_end")


class NotificationCallback(Callback):
    """Send a notification when training or testing begins, ends or fails, and every few epochs.

    A crash (with the last lines of the traceback), an interruption, an early end (with the
    reason), a value that is no number, and a resumption from a saved state are told too. Messages
    are sent by a thread of their own: training never waits for a channel, and goes on when it
    fails. What fails is tried again; the log tells of the first failure, and at the end how many
    messages were lost. Only the process of rank zero sends any, and what was told before a
    resumption is not told again.

    Args:
        notificator: Anything with a method ``send_notification(message, *, subject=None)``: a
            `Notificator`, or an object of the package notif.
        alert_frequency: Send the values of every epoch whose number can be divided by this.
        experiment_name: A name to add to the subjects.
        timeout: How many seconds to wait, at the end, for what is not sent yet.
        monitor: Tell of each new best of this value. The summary names the best epoch by it, or
            by ``val_loss``.
        mode: ``"min"`` when a smaller value of *monitor* is better, ``"max"`` when a larger is.
        summary: Whether to say, at the end of a training, how long it took, which epoch was the
            best, and the last values.
        stalled_after: Tell when no batch has ended for so many seconds, and when one has again.
        minimum_severity: Leave out what matters less. Epochs, new bests and the beginning of a
            test are ``"progress"``; the beginning and the end, and the values of a test,
            ``"info"``; an interruption ``"warning"``; a crash, a stall and NaN ``"error"``.
        quiet_hours: Two times of the day, such as ``("22:00", "07:30")``, between which only
            errors are sent; the rest is sent afterwards, as one message, or when the run ends.
        subject: The subject of an epoch's message: a format string such as
            ``"{epoch}: {val_loss:.3f}"``, or a function of the logs.
        message: The text of an epoch's message, likewise.
        per_minute: How many messages a minute may go; what comes faster goes as one.
        attempt_timeout: How many seconds one attempt to send may take.

    Raises:
        TypeError: *notificator* cannot send notifications, or another argument is of the wrong
            kind.
        ValueError: *alert_frequency* or *per_minute* is less than 1, a number of seconds is
            negative or not finite, a time or a severity is none, or a format string asks for
            what the logs can never have.
    """

    on_error: FailurePolicy = "disable"

    def __init__(
        self,
        notificator: Sender,
        alert_frequency: int = 1,
        experiment_name: str | None = None,
        *,
        timeout: float = 30.0,
        monitor: str | None = None,
        mode: Mode = "min",
        summary: bool = False,
        stalled_after: float | None = None,
        minimum_severity: Severity = "progress",
        quiet_hours: tuple[str, str] | None = None,
        subject: Words | None = None,
        message: Words | None = None,
        per_minute: int = 20,
        attempt_timeout: float = 10.0,
    ) -> None:
        whole_number("alert_frequency", alert_frequency, at_least=1)
        whole_number("per_minute", per_minute, at_least=1)
        if experiment_name is not None and not isinstance(experiment_name, str):
            raise TypeError(f"`experiment_name` must be a str, not {experiment_name!r}")
        one_of("minimum_severity", minimum_severity, SEVERITIES)
        check_seconds("timeout", timeout, zero=True)
        check_seconds("attempt_timeout", attempt_timeout)
        if stalled_after is not None:
            check_seconds("stalled_after", stalled_after)
        self.notificator = as_sender(notificator)
        protect(self.notificator)
        self.alert_frequency = alert_frequency
        self.experiment_name = experiment_name
        self.timeout = timeout
        self.monitor = monitor
        self.summary = summary
        self.stalled_after = stalled_after
        self.minimum_severity = minimum_severity
        self._record = Record(Monitor("val_loss" if monitor is None else monitor, mode))
        self._subject = None if subject is None else Template("subject", subject)
        self._message = None if message is None else Template("message", message)
        self._delivery = Delivery(
            self.notificator,
            attempt_timeout=attempt_timeout,
            per_minute=per_minute,
            quiet_hours=None if quiet_hours is None else QuietHours(quiet_hours),
        )
        self._watchdog: Watchdog | None = None
        self._restored = self._resuming = False
        self._running = ""

    def listens_to(self, hook: str) -> bool:
        """Look at batches only where somebody wants to know that there are none."""
        if hook in _SIGNS_OF_LIFE and self.stalled_after is None:
            return False
        return super().listens_to(hook)

    def on_train_begin(self, logs: Logs) -> None:
        """Tell that training begins; one that is resumed tells so with its first epoch."""
        if not self._restored:
            self._record.reset()
        self._resuming, self._restored = self._restored, False
        self._record.start()
        self._running = "training"
        if not self._resuming:
            self._send("Start of the training")
        self._watch()

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Tell that training is resumed, if it is."""
        self._record.begun = epoch_number
        if self._resuming:
            self._resuming = False
            self._send("The training is resumed", f"It goes on with epoch {epoch_number}.\n")

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Be alive."""
        self._live()

    def on_valid_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Be alive."""
        self._live()

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Tell the values of the epoch, if it is one of those, and what is remarkable of them."""
        record = self._record
        record.epoch, record.last = epoch_number, dict(logs)
        if epoch_number <= record.told_epoch:  # before the resumption
            return
        record.told_epoch = epoch_number
        if epoch_number % self.alert_frequency == 0:
            subject = self._words(self._subject, logs)
            message = self._words(self._message, logs)
            self._send(
                f"Epoch {epoch_number} is done",
                messages.values("epoch", logs) if message is None else message,
                "progress",
                subject=subject,
            )
        self._tell_nan(logs)
        self._tell_best(epoch_number, logs)

    def on_train_end(self, logs: Logs) -> None:
        """Tell that training is done, and whether and why it was stopped."""
        self._stop_watching()
        self._record.stop()
        self._running = ""
        if self._resuming:  # it had ended before; nothing is new
            return
        text = ""
        reason = messages.one_line(stop_reason(self.model))
        record = self._record
        abandoned = record.begun > record.epoch
        if self.model.stop_training:
            text = messages.stopped(record.begun, abandoned=abandoned, reason=reason)
        if abandoned:
            self._once("nan", f"NaN in epoch {record.begun}", text, "error")
        if self.summary:
            best = (record.best, record.best_epoch)
            text += messages.summary(record.seconds, record.epoch, best, record.last)
        self._send("End of the training", text)

    def on_test_begin(self, logs: Logs) -> None:
        """Tell that testing begins."""
        self._running = "testing"
        self._send("Start of the testing", severity="progress")
        self._watch()

    def on_test_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Be alive."""
        self._live()

    def on_test_end(self, logs: Logs) -> None:
        """Tell the values of the test."""
        self._stop_watching()
        self._send("End of the testing", messages.values("test", logs))
        self._running = ""

    def on_exception(self, exception: BaseException) -> None:
        """Tell what ended the run; Ctrl-C and a request to exit are interruptions."""
        self._stop_watching()
        what = self._running or "run"
        text = messages.failure(exception)
        if isinstance(exception, Exception):
            self._send(f"The {what} failed", text, "error")
        else:
            self._send(f"The {what} was interrupted", text, "warning")
        self._running = ""

    def close(self) -> None:
        """Wait for what is not sent yet, but not for ever."""
        self._stop_watching()
        self._delivery.finish(self.timeout)

    def state_dict(self) -> State:
        """Return what was told."""
        return self._record.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Remember what was told; the next training does not tell it again."""
        self._record.load_state_dict(state)
        self._restored = True

    def _tell_nan(self, logs: Mapping[str, object]) -> None:
        bad = [
            name for name, value in logs.items() if isinstance(value, float) and not isfinite(value)
        ]
        if bad:
            text = "".join(f"{name}: {logs[name]}\n" for name in bad)
            self._once("nan", f"NaN in epoch {self._record.epoch}", text, "error")

    def _tell_best(self, epoch: int, logs: Logs) -> None:
        best = self._record.best
        name, before = best.name, best.best
        if name not in logs:
            if self.monitor is not None and self._record.first_time("monitor"):
                _logger.warning(
                    "there is no %r in the logs, so no new best is told%s",
                    name,
                    did_you_mean(name, logs),
                )
            return
        if not best.improved(logs):
            return
        self._record.best_epoch = epoch
        if self.monitor is not None:
            told = f" (before: {before})" if isfinite(before) else ""
            text = f"{name}: {best.best}{told}\n"
            self._send(f"New best in epoch {epoch}", text, "progress")

    def _words(self, template: Template | None, logs: Logs) -> str | None:
        if template is None:
            return None
        try:
            return template.render(logs)
        except Exception as error:  # words are not worth a run
            if self._record.first_time("template"):
                _logger.warning("%s; the usual words are sent", redacted(str(error)))
            return None

    def _watch(self) -> None:
        if self.stalled_after is not None and is_rank_zero():
            self._stop_watching()
            self._watchdog = Watchdog(
                self.stalled_after, stalled=self._tell_stall, recovered=self._tell_recovery
            )

    def _stop_watching(self) -> None:
        if self._watchdog is not None:
            self._watchdog.stop()
            self._watchdog = None

    def _live(self) -> None:
        if self._watchdog is not None:
            self._watchdog.signs += 1

    def _tell_stall(self, seconds: float) -> None:
        where = f", in epoch {self._record.begun}" if self._running == "training" else ""
        text = f"No batch has ended for {seconds:.0f} s{where}.\n"
        self._send(f"The {self._running} is stalled", text, "error")

    def _tell_recovery(self, seconds: float) -> None:
        self._send(f"The {self._running} goes on", f"It was stalled for {seconds:.0f} s.\n")

    def _once(self, what: str, text: str, message: str, severity: Severity) -> None:
        if self._record.first_time(what):
            self._send(text, message, severity)

    def _send(
        self,
        text: str,
        message: str = "",
        severity: Severity = "info",
        *,
        subject: str | None = None,
    ) -> None:
        if not is_rank_zero() or SEVERITIES.index(severity) < SEVERITIES.index(
            self.minimum_severity
        ):
            return
        if subject is None:
            subject = messages.subject(text, self.experiment_name)
        self._delivery.post(News(messages.one_line(subject), message, severity))

    def __getstate__(self) -> dict[str, object]:
        """Pickle and copy everything but the thread that watches."""
        return {**super().__getstate__(), "_watchdog": None}
