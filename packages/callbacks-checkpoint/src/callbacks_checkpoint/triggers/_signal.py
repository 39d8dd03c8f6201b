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

    If no boundary comes before the deadline, as a loader hangs or a batch takes so long, the
    signal does then what it would have done, in the middle of things: nothing is saved, and the
    last file is what there is to go on with. A save that has begun is carried to its end all the
    same.

    Args:
        *signals: Which ones; ``signal.SIGTERM`` and ``signal.SIGINT`` (Ctrl-C) by default.
        deadline: The seconds that a signal waits for a boundary; None for as long as it takes.
            SIGUSR1 and SIGUSR2 have none.

    Raises:
        TypeError: One of them is no signal, or *deadline* no number.
        ValueError: One of them does not exist here, or cannot be caught; or *deadline* is not
            positive and finite.
    """

    within_epochs = True

    def __init__(self, *signals: int, deadline: float | None = 20.0) -> None:
        self._watch = SignalWatch(*signals, deadline=deadline)

    @property
    def signals(self) -> tuple[int, ...]:
        """Which ones."""
        return self._watch.signals

    @property
    def pending(self) -> int | None:
        """The signal that came and waits for a boundary, or None."""
        return self._watch.pending

    @property
    def ends_process(self) -> bool:
        """Whether the one that waits is going to end the process."""
        return self._watch.ends_process

    def receive(self, number: int) -> None:
        """Take a signal for come that came to another process."""
        self._watch.receive(number)

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
