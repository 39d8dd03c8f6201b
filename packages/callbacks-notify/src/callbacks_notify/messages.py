# SPDX-License-Identifier: MIT
"""The words of the notifications."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Final

from callbacks_core.secrets import redacted

_FRAMES: Final = 3


def subject(text: str, experiment: str | None) -> str:
    """Return *text* as a subject, with the experiment's name; always one line."""
    suffix = "" if experiment is None else f" for {experiment}"
    return " ".join(f"{text}{suffix}.".split())


def values(kind: str, logs: Mapping[str, object]) -> str:
    """Return the values of *logs*, one a line.

    Args:
        kind: What they are of: ``"epoch"`` or ``"test"``.
        logs: The values by their names.
    """
    lines = " ".join(f"{name}: {value}\n" for name, value in logs.items())
    return f"Here the {kind} metrics: \n{lines}"


def stopped(epoch: int) -> str:
    """Return that training ended before it had to."""
    return f"It was stopped after epoch {epoch}.\n"


def failure(exception: BaseException) -> str:
    """Return the kind and the text of *exception*, and where it was raised; without secrets."""
    summary = "".join(traceback.format_exception_only(exception)).rstrip()
    frames = "".join(traceback.format_tb(exception.__traceback__)[-_FRAMES:]).rstrip()
    return redacted(f"{summary}\n\n{frames}".rstrip() + "\n")
