# SPDX-License-Identifier: MIT
"""A callback that writes down how it was called."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..callback import Callback
from ..hooks import HOOKS, SHARED_HOOKS
from ..logs import Logs


class Call(NamedTuple):
    """A hook that was called, and with what; logs are copied at that moment."""

    hook: str
    arguments: tuple[Any, ...]


class Recorder(Callback):
    """Write down every hook that is called, in order.

    Args:
        own_hooks: Whether to listen to the hooks of this library alone too, such as `on_settled`.
        read_logs: Whether to copy the logs, which reads their values from the device.

    Attributes:
        calls: The calls so far.
    """

    def __init__(self, *, own_hooks: bool = True, read_logs: bool = True) -> None:
        self.own_hooks = own_hooks
        self.read_logs = read_logs
        self.calls: list[Call] = []

    @property
    def hooks(self) -> list[str]:
        """The names of the hooks that were called, in order."""
        return [call.hook for call in self.calls]

    def logs_of(self, hook: str) -> list[Any]:
        """Return the last argument of every call of *hook*: the logs, where it has any."""
        return [call.arguments[-1] for call in self.calls if call.hook == hook]

    def listens_to(self, hook: str) -> bool:
        """Listen to everything that was asked for."""
        return hook in (HOOKS if self.own_hooks else SHARED_HOOKS)

    def _record(self, hook: str, *arguments: Any) -> None:
        copied = tuple(
            (dict(value) if self.read_logs else dict.fromkeys(value.keys()))
            if isinstance(value, dict)
            else value
            for value in arguments
        )
        self.calls.append(Call(hook, copied))

    def on_train_begin(self, logs: Logs) -> None:
        """Record the call."""
        self._record("on_train_begin", logs)

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Record the call."""
        self._record("on_epoch_begin", epoch_number, logs)

    def on_train_batch_begin(self, batch_number: int, logs: Logs) -> None:
        """Record the call."""
        self._record("on_train_batch_begin", batch_number, logs)

    def on_backward_end(self, batch_number: int) -> None:
        """Record the call."""
        self._record("on_backward_end", batch_number)

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Record the call."""
        self._record("on_train_batch_end", batch_number, logs)

    def on_batch_settled(self, batch_number: int, logs: Logs) -> None:
        """Record the call."""
        self._record("on_batch_settled", batch_number, logs)

    def on_valid_begin(self, logs: Logs) -> None:
        """Record the call."""
        self._record("on_valid_begin", logs)

    def on_valid_batch_begin(self, batch_number: int, logs: Logs) -> None:
        """Record the call."""
        self._record("on_valid_batch_begin", batch_number, logs)

    def on_valid_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Record the call."""
        self._record("on_valid_batch_end", batch_number, logs)

    def on_valid_end(self, logs: Logs) -> None:
        """Record the call."""
        self._record("on_valid_end", logs)

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Record the call."""
        self._record("on_epoch_end", epoch_number, logs)

    def on_settled(self, epoch_number: int, logs: Logs) -> None:
        """Record the call."""
        self._record("on_settled", epoch_number, logs)

    def on_train_end(self, logs: Logs) -> None:
        """Record the call."""
        self._record("on_train_end", logs)

    def on_test_begin(self, logs: Logs) -> None:
        """Record the call."""
        self._record("on_test_begin", logs)

    def on_test_batch_begin(self, batch_number: int, logs: Logs) -> None:
        """Record the call."""
        self._record("on_test_batch_begin", batch_number, logs)

    def on_test_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Record the call."""
        self._record("on_test_batch_end", batch_number, logs)

    def on_test_end(self, logs: Logs) -> None:
        """Record the call."""
        self._record("on_test_end", logs)

    def on_predict_begin(self, logs: Logs) -> None:
        """Record the call."""
        self._record("on_predict_begin", logs)

    def on_predict_batch_begin(self, batch_number: int, logs: Logs) -> None:
        """Record the call."""
        self._record("on_predict_batch_begin", batch_number, logs)

    def on_predict_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Record the call."""
        self._record("on_predict_batch_end", batch_number, logs)

    def on_predict_end(self, logs: Logs) -> None:
        """Record the call."""
        self._record("on_predict_end", logs)

    def on_exception(self, exception: BaseException) -> None:
        """Record the call."""
        self._record("on_exception", exception)

    def close(self) -> None:
        """Record the call."""
        self._record("close")
