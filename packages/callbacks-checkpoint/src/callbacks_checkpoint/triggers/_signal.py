# SPDX-License-Identifier: MIT
"""A trigger for processes that are told to end."""

from __future__ import annotations

from callbacks_core import SignalWatch

from ._trigger import Trigger


class OnSignal(Trigger):
    """Goes off at the first boundary of a batch or an epoch after a signal has come.

    After the save the signal does what it would have done without us: an earlier handler is
    called, Ctrl-C raises `KeyboardInterrupt`, SIGTERM ends the training by ``SystemExit(143)``, so
    that every callback is closed; after SIGUSR1 and SIGUSR2 training goes on. A second signal does
    that at once, without waiting for a save. In another thread than the main one no signal is
    seen.

    Args:
        *signals: Which ones; ``signal.SIGTERM`` and ``signal.SIGINT`` (Ctrl-C) by default.

    Raises:
        TypeError: One of them is no signal.
        ValueError: One of them does not exist here, or cannot be caught.
    """

    within_epochs = True

    def __init__(self, *signals: int) -> None:
        self._watch = SignalWatch(*signals)

    def begin(self, *, resumed: bool) -> None:
        self._watch.begin()

    def after_batch(self) -> bool:
        return self._watch.pending is not None

    def after_epoch(self, epoch_number: int) -> bool:
        return self._watch.pending is not None

    def done(self, *, saved: bool) -> None:
        self._watch.carry_out()

    def end(self) -> None:
        self._watch.end()
