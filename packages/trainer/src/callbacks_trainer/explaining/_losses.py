# SPDX-License-Identifier: MIT
"""Losses that are no numbers."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence

from callbacks_core import is_rank_zero


def warn_of_loss(history: Sequence[Mapping[str, float]]) -> None:
    """Warn if the last epoch's loss is no finite number, and that of the one before was.

    Args:
        history: The logs of the epochs, which have been read.
    """
    found = _bad(history[-1:])
    if not found or _bad(history[-2:-1]) or not is_rank_zero():
        return
    name, value = found
    warnings.warn(
        f"{name!r} is {value} in epoch {int(history[-1]['epoch'])}, and what is learnt from it is "
        f"lost: are there numbers in the inputs or targets that are none (x.isnan().any()), is the "
        f"learning rate too high, or is there a division by zero or a log(0) in the loss? "
        f"TerminateOnNaN() among the callbacks ends a training at once",
        stacklevel=3,
    )


def _bad(history: Sequence[Mapping[str, float]]) -> tuple[str, float] | None:
    for logs in history:
        for name in ("loss", "val_loss"):
            value = logs.get(name, 0.0)
            if not math.isfinite(value):
                return name, value
    return None
