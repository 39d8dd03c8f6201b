# SPDX-License-Identifier: MIT
"""The words of the notifications."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from callbacks_core import Monitor, redacted

_FRAMES: Final = 3
_LONGEST: Final = 4000
_GAP: Final = "\n […]\n"


def subject(text: str, experiment: str | None) -> str:
    """Return *text* as a subject, with the experiment's name; always one line."""
    suffix = "" if experiment is None else f" for {experiment}"
    return one_line(f"{text}{suffix}.")


def one_line(text: str) -> str:
    """Return *text* without line ends and other control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))


def shortened(text: str, longest: int = _LONGEST) -> str:
    """Return *text* with the middle left out where it is too long: both ends matter."""
    if len(text) <= longest:
        return text
    half = (longest - len(_GAP)) // 2
    return f"{text[:half]}{_GAP}{text[-half:]}"


def values(kind: str, logs: Mapping[str, object]) -> str:
    """Return the values of *logs*, one a line.

    Args:
        kind: What they are of: ``"epoch"`` or ``"test"``.
        logs: The values by their names.
    """
    lines = " ".join(f"{name}: {value}\n" for name, value in logs.items())
    return f"Here the {kind} metrics: \n{lines}"


def stopped(epoch: int, *, abandoned: bool, reason: str) -> str:
    """Return that training ended before it had to, and why."""
    when = f"in epoch {epoch}, which was abandoned" if abandoned else f"after epoch {epoch}"
    return f"It was stopped {when}{': ' * bool(reason)}{reason}.\n"


def summary(
    seconds: float, epochs: int, best: tuple[Monitor, int], logs: Mapping[str, object]
) -> str:
    """Return how long a training took, its best epoch and its last values.

    Args:
        seconds: How long it took.
        epochs: The number of the last epoch.
        best: The best value, and its epoch; 0 when there was none.
        logs: The values of the last epoch.
    """
    monitor, epoch = best
    text = f"It took {timedelta(seconds=round(seconds))} to epoch {epochs}.\n"
    if epoch:
        text += f"The best was epoch {epoch} with {monitor.name} {monitor.best:g}.\n"
    return text + (values("last", logs) if logs else "")


def failure(exception: BaseException) -> str:
    """Return the kind and the text of *exception*, and where it was raised; without secrets."""
    summary = shortened("".join(traceback.format_exception_only(exception)).rstrip())
    frames = "".join(traceback.format_tb(exception.__traceback__)[-_FRAMES:]).rstrip()
    return redacted(f"{summary}\n\n{frames}".rstrip() + "\n")
