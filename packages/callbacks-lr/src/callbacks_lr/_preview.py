# SPDX-License-Identifier: MIT
"""A schedule's values, worked out on an optimizer that trains nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ._rates import get_rates


def stand_in(optimizer: Optimizer) -> Optimizer:
    """Return an optimizer of nothing, with the groups and defaults of *optimizer*."""
    groups = [
        {
            key: deepcopy(value)
            for key, value in group.items()
            if key not in ("params", "param_names")
        }
        for group in optimizer.param_groups
    ]
    stand = torch.optim.SGD(
        [{**group, "params": [torch.zeros(1, requires_grad=True)]} for group in groups], lr=0.1
    )
    stand.defaults = dict(optimizer.defaults)  # these tell a scheduler of momentum or betas
    for group, original in zip(stand.param_groups, groups, strict=True):
        for key in group.keys() - original.keys() - {"params"}:
            del group[key]
    return stand


def curves(
    scheduler: LRScheduler, optimizer: Optimizer, steps: int, values: Sequence[float] | None
) -> list[list[float]]:
    """Step *scheduler* and return the learning rate of each group at each step."""
    scheduler_step: Callable[..., None] = scheduler.step
    optimizer._opt_called = True  # type: ignore[attr-defined]  # or torch asks for a first step
    rows = [get_rates(optimizer)]
    for step in range(steps - 1):
        scheduler_step(*(() if values is None else (values[step],)))
        rows.append(get_rates(optimizer))
    return [list(curve) for curve in zip(*rows, strict=True)]
