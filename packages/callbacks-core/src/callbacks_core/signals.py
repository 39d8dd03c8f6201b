# SPDX-License-Identifier: MIT
"""Signals that are noted at once and acted upon at a good moment."""

from __future__ import annotations

import _thread
import math
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from types import FrameType
from typing import Any, Final, TypeAlias

from . import _loader_workers
from ._logger import logger
from .rank import world_size

_ECHO: Final = 2.0  # seconds
_REQUESTS: Final = frozenset({"SIGUSR1", "SIGUSR2"})
"""Signals that ask for something and, where nobody else has a handler, end nothing."""

_Handler: TypeAlias = "Callable[[int, FrameType | None], Any] | int | None"


class SignalWatch:
    """Takes note of signals for a loop that acts on them between two batches.

    While it watches, the first signal is only noted. The loop sees it in `pending`, does what has
    to be done, such as a save, and calls `carry_out`, which does what the signal would have done
    in the first place. When several watch the same signal, the last one to call it does so. A
    second signal, while the first is pending, does that at once; where several processes train
    together, one that follows within two seconds is taken for the first one again, as a launcher
    passes on what the whole group was sent.

    If nobody has acted when the deadline passes, as the loader hangs, the signal does in the middle
    of things what it would have done, by an exception such as Ctrl-C raises, so that everything is
    closed. SIGUSR1 and SIGUSR2 have no deadline.

    Signals can be watched in the main thread of a process only; in another one nothing ever comes.
    What forks from the process is not watched.

    Args:
        *signals: What to watch; ``signal.SIGTERM`` and ``signal.SIGINT`` (Ctrl-C) by default.
        deadline: The seconds that a signal may be pending; None for as long as it takes.

    Raises:
        TypeError: One of them is no signal, or *deadline* no number.
        ValueError: One of them does not exist here, or cannot be caught; or *deadline* is not
            positive and finite.
    """

    def __init__(self, *signals: int, deadline: float | None = None) -> None:
        chosen = signals or (signal.SIGTERM, signal.SIGINT)
        self.signals = tuple(_checked(number) for number in chosen)
        self.deadline = _checked_deadline(deadline)
        self._pending: list[int] = []
        self._watching: list[int] = []

    @property
    def pending(self) -> int | None:
        """The signal that came and waits to be acted upon, or None."""
        return self._pending[0] if self._pending else None

    @property
    def ends_process(self) -> bool:
        """Whether the pending signal is going to end the process, as no handler was there before.

        That of Python for Ctrl-C counts as none.
        """
        return any(_would_end(number) for number in self._pending)

    def receive(self, number: int) -> None:
        """Take a signal for pending that has come to another process of the group."""
        if number not in self._pending:
            self._pending.append(number)
            _came[number] = monotonic()

    def begin(self) -> None:
        """Start to watch; a second call does nothing."""
        if not _in_main_thread():
            return
        for number in self.signals:
            if number not in self._watching and _watch(number, self):
                self._watching.append(number)

    def carry_out(self) -> None:
        """Do what the pending signals would have done, unless somebody else has yet to act.

        The handler that was there before is called. Where there was none, SIGUSR1 and SIGUSR2 do
        nothing, and others end the process with the conventional exit code.

        Raises:
            SystemExit: The signal ends the process.
            KeyboardInterrupt: It was Ctrl-C, and Python's own handler was there before.
        """
        pending, self._pending = self._pending, []
        for number in pending:
            if not any(number in other._pending for other in _watches.get(number, [])):
                _carry_out(number)

    def end(self) -> None:
        """Stop to watch and put the earlier handlers back; a second call does nothing.

        Raises:
            SystemExit: A signal came that nobody has acted upon, and ends the process.
            KeyboardInterrupt: It was Ctrl-C.
        """
        pending, self._pending = self._pending, []
        watching, self._watching = self._watching, []
        last = [number for number in watching if _unwatch(number, self)]
        for number in pending:
            if number in last:
                _carry_out(number)

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle what is to be watched; a copy does not watch yet."""
        return {
            "signals": self.signals,
            "deadline": self.deadline,
            "_pending": [],
            "_watching": [],
        }


_watches: dict[int, list[SignalWatch]] = {}
_earlier: dict[int, _Handler] = {}
_came: dict[int, float] = {}  # when each signal that is pending came
_overdue: set[int] = set()
_process = [0]
_unbroken = [0]


@contextmanager
def carried_to_its_end() -> Iterator[None]:
    """Have no deadline of a signal break off what is done in the block, such as a save."""
    _unbroken[0] += 1
    try:
        yield
    finally:
        _unbroken[0] -= 1


def a_signal_waits() -> bool:
    """Whether a signal has come that a `SignalWatch` of this process has yet to act upon."""
    return any(watch.pending is not None for watches in _watches.values() for watch in watches)


def give_way() -> None:
    """Do what signals that wait would have done: there is no next batch, since it cannot be made.

    Raises:
        SystemExit: One of them ends the process.
        KeyboardInterrupt: One of them was Ctrl-C.
    """
    for watches in list(_watches.values()):
        for watch in list(watches):
            watch.carry_out()


def _checked(number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"a signal is a number such as signal.SIGTERM, not {number!r}")
    if number not in signal.valid_signals():
        raise ValueError(f"there is no signal {number} here")
    if number in (getattr(signal, "SIGKILL", None), getattr(signal, "SIGSTOP", None)):
        raise ValueError(f"{signal.Signals(number).name} cannot be caught")
    return int(number)


def _checked_deadline(deadline: object) -> float | None:
    if deadline is None:
        return None
    if isinstance(deadline, bool) or not isinstance(deadline, int | float):
        raise TypeError(f"`deadline` must be a number of seconds or None, not {deadline!r}")
    if not 0 < deadline < math.inf:
        raise ValueError(f"`deadline` must be more than 0, and finite, not {deadline!r}")
    return float(deadline)


def _in_main_thread() -> bool:
    import threading  # a tenth of this package's import time

    return threading.current_thread() is threading.main_thread()


def _watch(number: int, watch: SignalWatch) -> bool:
    if _process[0] != os.getpid():  # what the parent of a fork watched is none of our business
        _process[0] = os.getpid()
        _watches.clear()
    current = signal.getsignal(number)
    if current is None:  # installed by a library in C: it could not be put back
        return False
    if current is not _note:
        _earlier[number] = current
        signal.signal(number, _note)
    _watches.setdefault(number, []).append(watch)
    return True


def _unwatch(number: int, watch: SignalWatch) -> bool:
    """Forget *watch*; whether it was the last one for that signal."""
    watches = _watches.get(number, [])
    if watch in watches:
        watches.remove(watch)
    if watches:
        return False
    if _in_main_thread():
        if signal.getsignal(number) is _note:
            signal.signal(number, _earlier[number])
        if not any(_watches.values()):
            _loader_workers.unhush()
    return True


def _note(number: int, frame: FrameType | None) -> None:
    watches = _watches.get(number, []) if _process[0] == os.getpid() else []
    if number in _overdue:
        _overdue.discard(number)
        _give_up(number, watches)
    elif not any(number in watch._pending for watch in watches):
        if not watches:
            _act_at_once(number, frame)
            return
        for watch in watches:
            watch._pending.append(number)
        _came[number] = monotonic()
        _loader_workers.hush()
        _set_deadline(number, [watch.deadline for watch in watches])
    elif not _is_echo(number):
        _act_at_once(number, frame)


def _is_echo(number: int) -> bool:
    """Whether a second signal is the first one once more, passed on by what has started us."""
    return world_size() > 1 and monotonic() - _came[number] < _ECHO


def _act_at_once(number: int, frame: FrameType | None) -> None:
    earlier = _earlier[number]
    if number == signal.SIGINT and _loader_workers.is_one():
        return  # Ctrl-C goes to the whole group, and who asks for the batches decides
    if callable(earlier):
        earlier(number, frame)
    elif earlier == signal.SIG_DFL and not _is_request(number):
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _set_deadline(number: int, deadlines: list[float | None]) -> None:
    seconds = min((each for each in deadlines if each is not None), default=None)
    if seconds is not None and not _is_request(number):
        # No threading.Thread: the signal may have come while its locks were held.
        _thread.start_new_thread(_remind, (number, _came[number], seconds))


def _remind(number: int, came: float, seconds: float) -> None:
    """Wait, in a thread of its own, and interrupt the main thread if the signal still waits."""
    sleep(seconds)
    while _unbroken[0]:
        sleep(0.05)
    waits = any(number in watch._pending for watch in _watches.get(number, []))
    if waits and _came.get(number) == came:
        _overdue.add(number)
        _interrupt(number)


def _interrupt(number: int) -> None:
    if not hasattr(signal, "pthread_kill"):
        _thread.interrupt_main(signal.Signals(number))
        return
    import threading

    ident = threading.main_thread().ident
    if ident is not None:
        signal.pthread_kill(ident, number)  # what the main thread waits in is interrupted


def _give_up(number: int, watches: list[SignalWatch]) -> None:
    if not any(number in watch._pending for watch in watches):
        return
    if _unbroken[0]:  # a save has begun in this very moment
        _thread.start_new_thread(_remind, (number, _came[number], 0.05))
        return
    for watch in watches:
        watch._pending = [other for other in watch._pending if other != number]
    name, waited = signal.Signals(number).name, monotonic() - _came[number]
    logger().warning(
        "%s has waited %.0f s for the end of a batch and waits no longer: what was done since "
        "the last save is lost",
        name,
        waited,
    )
    _carry_out(number)


def _is_request(number: int) -> bool:
    return signal.Signals(number).name in _REQUESTS


def _would_end(number: int) -> bool:
    earlier = _earlier.get(number, signal.SIG_DFL)
    if earlier is signal.default_int_handler:
        return True
    return earlier == signal.SIG_DFL and not _is_request(number)


def _carry_out(number: int) -> None:
    earlier = _earlier.get(number, signal.SIG_DFL)
    if callable(earlier):
        earlier(number, None)
    elif earlier == signal.SIG_DFL and not _is_request(number):
        raise SystemExit(128 + number)
    if _in_main_thread():  # and training goes on
        _loader_workers.unhush()
