# SPDX-License-Identifier: MIT
"""The learning rates and momenta in an optimizer's parameter groups."""

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


def get_initial_rates(optimizer: Optimizer) -> list[float | None]:
    """Return the rates that torch's schedulers keep in the groups as those to start from."""
    rates = (group.get("initial_lr") for group in optimizer.param_groups)
    return [None if rate is None else float(rate) for rate in rates]


def set_initial_rates(optimizer: Optimizer, rates: Sequence[float | None]) -> None:
    """Set them back, None for a group that had none."""
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group.pop("initial_lr", None)
        if rate is not None:
            group["initial_lr"] = rate


def get_momentum(group: dict[str, Any]) -> float | None:
    """Return a group's momentum, which Adam and its like call the first of their ``betas``."""
    if "betas" in group:
        return float(group["betas"][0])
    return float(group["momentum"]) if "momentum" in group else None


def set_momentum(group: dict[str, Any], momentum: float | None) -> None:
    """Set a group's momentum, if it has one."""
    if momentum is None:
        return
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    elif "momentum" in group:
        group["momentum"] = momentum


def throw_away_optimizer(groups: int, *, lr: float = 0.1) -> Optimizer:
    """Return an optimizer of nothing, for a schedule to be tried with."""
    # What torch's schedulers expect in the groups when they are given a `last_epoch`.
    left = {"initial_lr": lr, "max_lr": lr, "min_lr": lr, "max_momentum": 0.9, "base_momentum": 0.9}
    parameters = [{"params": [torch.zeros(1, requires_grad=True)], **left} for _ in range(groups)]
    return torch.optim.SGD(parameters, lr=lr, momentum=0.9)
