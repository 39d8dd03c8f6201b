# SPDX-License-Identifier: MIT
"""Signals that are noted at once and acted upon at a good moment."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeAlias

_Handler: TypeAlias = "Callable[[int, FrameType | None], Any] | int | None"


class SignalWatch:
    """Takes note of signals for a loop that acts on them between two batches.

    While it watches, the first signal is only noted. The loop sees it in `pending`, does what has
    to be done, such as a save, and calls `carry_out`, which does what the signal would have done
    in the first place. When several watch the same signal, the last one to call it does so. A
    second signal, while the first is pending, does that at once.

    Signals can be watched in the main thread of a process only; in another one nothing ever comes.
    What forks from the process is not watched.

    Args:
        *signals: What to watch; ``signal.SIGTERM`` and ``signal.SIGINT`` (Ctrl-C) by default.

    Raises:
        TypeError: One of them is no signal.
        ValueError: One of them does not exist here, or cannot be caught.
    """

    def __init__(self, *signals: int) -> None:
        chosen = signals or (signal.SIGTERM, signal.SIGINT)
        self.signals = tuple(_checked(number) for number in chosen)
        self._pending: list[int] = []
        self._watching: list[int] = []

    @property
    def pending(self) -> int | None:
        """The signal that came and waits to be acted upon, or None."""
        return self._pending[0] if self._pending else None

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
        return {"signals": self.signals, "_pending": [], "_watching": []}


_watches: dict[int, list[SignalWatch]] = {}
_earlier: dict[int, _Handler] = {}
_process = [0]


def a_signal_waits() -> bool:
    """Whether a signal has come that a `SignalWatch` of this process has yet to act upon."""
    return any(watch.pending is not None for watches in _watches.values() for watch in watches)


def _checked(number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"a signal is a number such as signal.SIGTERM, not {number!r}")
    if number not in signal.valid_signals():
        raise ValueError(f"there is no signal {number} here")
    if number in (getattr(signal, "SIGKILL", None), getattr(signal, "SIGSTOP", None)):
        raise ValueError(f"{signal.Signals(number).name} cannot be caught")
    return int(number)


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
    if _in_main_thread() and signal.getsignal(number) is _note:
        signal.signal(number, _earlier[number])
    return True


def _note(number: int, frame: FrameType | None) -> None:
    watches = _watches.get(number, []) if _process[0] == os.getpid() else []
    if not watches or any(number in watch._pending for watch in watches):
        _act_at_once(number, frame)
        return
    for watch in watches:
        watch._pending.append(number)


def _act_at_once(number: int, frame: FrameType | None) -> None:
    earlier = _earlier[number]
    if callable(earlier):
        earlier(number, frame)
    elif earlier == signal.SIG_DFL:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _carry_out(number: int) -> None:
    earlier = _earlier[number]
    if callable(earlier):
        earlier(number, None)
    elif earlier == signal.SIG_DFL and signal.Signals(number).name not in ("SIGUSR1", "SIGUSR2"):
        raise SystemExit(128 + number)
