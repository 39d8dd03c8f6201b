# SPDX-License-Identifier: MIT
"""The parameters whose gradients are clipped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch


def tensors(parameters: object) -> list[torch.Tensor]:
    """Return *parameters* as a list; a generator is gone through once.

    Raises:
        TypeError: They are not tensors.
        ValueError: There are none.
    """
    if isinstance(parameters, torch.Tensor):
        return [parameters]
    if isinstance(parameters, torch.nn.Module):
        raise TypeError("`parameters` must be tensors, not a module: pass network.parameters()")
    if not isinstance(parameters, Iterable):
        raise TypeError(f"`parameters` must be tensors, not {parameters!r}")
    listed = list(parameters)
    for index, tensor in enumerate(listed):
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(
                f"`parameters` must be tensors, but number {index} is a {type(tensor).__name__}; "
                f"pass network.parameters()"
            )
    if not listed:
        raise ValueError("`parameters` must hold at least one tensor; was it used up before?")
    return listed


def moved(state: Any, device: torch.device) -> Any:
    """Return a state with its tensors on a device."""
    if isinstance(state, dict):
        return {key: moved(value, device) for key, value in state.items()}
    if isinstance(state, list):
        return [moved(value, device) for value in state]
    return state.to(device) if isinstance(state, torch.Tensor) else state
