# SPDX-License-Identifier: MIT
"""The learning rates in an optimizer's parameter groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.optim import Optimizer


def get_rates(optimizer: Optimizer) -> list[float]:
    """Return the learning rate of each parameter group."""
    return [float(group["lr"]) for group in optimizer.param_groups]


def set_rates(optimizer: Optimizer, rates: Sequence[float]) -> None:
    """Set the learning rate of each parameter group; a tensor there keeps its identity.

    Raises:
        ValueError: There are more or fewer groups than rates.
    """
    groups = optimizer.param_groups
    if len(groups) != len(rates):
        raise ValueError(
            f"the schedule has learning rates for {len(rates)} parameter groups, but the "
            f"optimizer has {len(groups)}"
        )
    for group, rate in zip(groups, rates, strict=True):
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def throw_away_optimizer(groups: int) -> Optimizer:
    """Return an optimizer of nothing, for a schedule to be tried with."""
    parameters: list[dict[str, Any]] = [
        {"params": [torch.zeros(1, requires_grad=True)], "initial_lr": 0.1} for _ in range(groups)
    ]
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9)
