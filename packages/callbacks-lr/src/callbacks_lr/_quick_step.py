# SPDX-License-Identifier: MIT
"""A scheduler's step, without what only its first one needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

_ATTRIBUTES: Final = frozenset({"_step_count", "last_epoch", "_last_lr", "optimizer"})


def quick_step(scheduler: LRScheduler) -> Callable[[], None]:
    """Return what does the same as ``scheduler.step()`` from the second step on.

    Torch looks at each step whether the optimizer was used rightly before the first one, and
    opens a context for a warning. It is left out where the step is torch's plain one; what the
    scheduler and the optimizer hold afterwards is the same.
    """
    end = getattr(scheduler, "last_step", None)
    plain = type(scheduler).step is LRScheduler.step or end is not None
    if plain and vars(scheduler).keys() >= _ATTRIBUTES:
        return _plain_step(scheduler, math.inf if end is None else end)
    return scheduler.step


def _plain_step(scheduler: Any, end: float) -> Callable[[], None]:
    optimizer, get_lr = scheduler.optimizer, scheduler.get_lr

    def step() -> None:
        if scheduler.last_epoch >= end:
            return
        scheduler._step_count += 1
        scheduler.last_epoch += 1
        scheduler._get_lr_called_within_step = True
        try:
            rates = get_lr()
        finally:
            scheduler._get_lr_called_within_step = False
        last = []
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            if type(group["lr"]) is not float and isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate.squeeze() if isinstance(rate, Tensor) else rate)
                rate = group["lr"].clone()
            else:
                group["lr"] = rate
            last.append(rate)
        scheduler._last_lr = last

    return step
