# SPDX-License-Identifier: MIT
"""Reading and writing the settings in an optimizer's parameter groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from callbacks_core import did_you_mean


def check_names(
    optimizer: torch.optim.Optimizer, indices: Iterable[int], names: Iterable[str]
) -> None:
    """Raise unless each of some parameter groups has every setting.

    Raises:
        ValueError: One lacks a setting, or has something else than a number there.
    """
    for index in indices:
        group = optimizer.param_groups[index]
        for name in names:
            if name == "momentum" and "betas" in group:
                continue
            if name not in group or name == "params":
                keys = [key for key in group if key != "params"]
                raise ValueError(
                    f"{type(optimizer).__name__} has no setting {name!r} in parameter group "
                    f"{index}, which has {', '.join(map(repr, keys))}{did_you_mean(name, keys)}"
                )
            if not _is_number(group[name]):
                raise ValueError(
                    f"the setting {name!r} in parameter group {index} of "
                    f"{type(optimizer).__name__} is not a number but {group[name]!r}"
                    f"{'; `momentum` is the first of them' if name == 'betas' else ''}"
                )


def _is_number(value: object) -> bool:
    if isinstance(value, torch.Tensor):
        return value.numel() == 1
    return isinstance(value, int | float) and not isinstance(value, bool)


def write(group: dict[str, Any], settings: Mapping[str, float]) -> None:
    """Set numbers in a parameter group; a tensor there keeps its identity."""
    for name, value in settings.items():
        current = group.get(name)
        if type(current) is float:  # most often, and this runs at every step
            group[name] = value
        elif isinstance(current, torch.Tensor):
            current.fill_(value)
        elif name in group:
            group[name] = value
        else:
            group["betas"] = (value, *group["betas"][1:])


def read(group: Mapping[str, Any], names: Iterable[str]) -> dict[str, float]:
    """Return numbers of a parameter group."""
    return {name: float(group[name] if name in group else group["betas"][0]) for name in names}
