# SPDX-License-Identifier: MIT
"""States of networks that are sharded, put together and spread again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor
from torch.nn import Module
from torch.optim import Optimizer

from ..convert import torch_apply
from ._group import Group


def is_spread(value: object) -> bool:
    """Whether *value* is a tensor of which each process has a part."""
    return isinstance(value, Tensor) and hasattr(value, "full_tensor")


def whole(state: Any) -> Any:
    """Return a state with its spread tensors put together; all processes have to call it."""
    return torch_apply(state, _full)


def _full(tensor: Any) -> Any:
    return tensor.full_tensor() if is_spread(tensor) else tensor


def load_weights(network: Module, weights: Mapping[str, Any], *, strict: bool) -> Any:
    """Copy whole weights into a network, of which a sharded one takes its parts."""
    own = network.state_dict()
    spread = {
        name: _like(own[name], value)
        if isinstance(value, Tensor) and is_spread(own.get(name)) and not is_spread(value)
        else value
        for name, value in weights.items()
    }
    return network.load_state_dict(spread, strict=strict)


def load_optimizer_state(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Have an optimizer take up a whole state, of which that of sharded weights takes its parts."""
    optimizer.load_state_dict(state)
    for weight, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == weight.shape and is_spread(weight):
                values[name] = value if is_spread(value) else _like(weight, value)


def _like(part: Any, value: Tensor) -> Tensor:
    from torch.distributed.tensor import distribute_tensor

    if value.shape != part.shape:
        return value  # which torch refuses, with the names of all that do not fit
    moved = value.to(part.device)
    return distribute_tensor(moved, part.device_mesh, part.placements)


def on_rank_zero(group: Group | None, action: Callable[[], None]) -> None:
    """Have one process do something for all, which go on when it is done.

    Raises:
        Exception: What it raised; in the other processes a `RuntimeError` that tells of it.
    """
    if group is None:
        action()
        return
    error: Exception | None = None
    if group.rank == 0:
        try:
            action()
        except Exception as caught:
            error = caught
    told = group.gather(None if error is None else f"{type(error).__name__}: {error}")[0]
    if error is not None:
        raise error
    if told is not None:
        raise RuntimeError(f"rank 0 failed with {told}")


def copied(value: Tensor) -> Tensor:
    """Return a copy of a tensor on the CPU, whole."""
    copy: Tensor = whole(value.detach()).to("cpu", copy=True)
    return copy
