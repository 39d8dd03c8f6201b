# SPDX-License-Identifier: MIT
"""The processes in which a loader of torch makes batches, when a signal has come to them too."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Final

_TELLS: Final = "torch.utils.data._utils.signal_handling"
_hushed: list[signal._HANDLER] = []


def is_one() -> bool:
    """Whether this process is one of them."""
    data = sys.modules.get("torch.utils.data")
    return data is not None and data.get_worker_info() is not None


def hush() -> None:
    """Have torch not tell of the end of one by an exception in the middle of things.

    A signal to the whole process group, as Ctrl-C and launchers send it, ends them as well. What
    asks for the next batch finds out by itself, within seconds. To be called in the main thread.
    """
    number = getattr(signal, "SIGCHLD", None)
    if number is None:
        return
    handler = signal.getsignal(number)
    if getattr(handler, "__module__", None) == _TELLS:
        _hushed[:] = [handler]
        signal.signal(number, _ignore)


def unhush() -> None:
    """Have torch tell of it again; does nothing where it tells already."""
    if _hushed and signal.getsignal(signal.SIGCHLD) is _ignore:
        signal.signal(signal.SIGCHLD, _hushed.pop())
    _hushed.clear()


def _ignore(number: int, frame: FrameType | None) -> None:
    pass
