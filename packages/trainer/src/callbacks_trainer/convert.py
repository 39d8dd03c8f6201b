# SPDX-License-Identifier: MIT
"""Nested batches: applying a function to every tensor, joining them, turning them into arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence


def torch_apply(value: Any, function: Callable[[Tensor], Any]) -> Any:
    """Apply *function* to every tensor in a nest of tuples, lists and mappings.

    Args:
        value: A tensor, a `PackedSequence`, or a nest of them; anything else is left as it is.
        function: Called with each tensor. A `PackedSequence` is passed whole: it has ``to``,
            ``cpu`` and ``data`` as a tensor has.

    Returns:
        The same nest with what *function* returned.
    """
    if isinstance(value, Tensor | PackedSequence):
        return function(value)  # type: ignore[arg-type]  # it does what a tensor does
    if isinstance(value, Mapping):
        return {key: torch_apply(item, function) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(torch_apply(item, function) for item in value))
    if isinstance(value, list | tuple):
        return type(value)(torch_apply(item, function) for item in value)
    return value


def torch_to_numpy(value: Any, *, copy: bool = False) -> Any:
    """Turn every tensor in a nest of tuples, lists and mappings into a NumPy array.

    A `PackedSequence`, for which NumPy has nothing, comes back on the CPU.

    Args:
        value: A tensor, or a nest of them.
        copy: Whether the arrays get memory of their own even when the tensor is on the CPU.
    """

    def to_array(tensor: Tensor) -> Any:
        host = detach(tensor).cpu()
        if isinstance(host, PackedSequence):
            return host
        return (host.clone() if copy and host.data_ptr() == tensor.data_ptr() else host).numpy()

    return torch_apply(value, to_array)


def detach(value: Any) -> Any:
    """Return the tensors of a nest without their history; they share the memory."""
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, PackedSequence):
        return value._replace(data=value.data.detach())
    return torch_apply(value, detach)


def to_tensors(value: Any, device: torch.device | None) -> Any:
    """Turn arrays into tensors and move everything to *device*, where it is one.

    Pinned memory is copied without waiting.
    """
    if isinstance(value, Tensor):
        return value if device is None else value.to(device, non_blocking=True)
    if isinstance(value, PackedSequence):
        # torch types this method for a dtype only
        return value if device is None else value.to(device, non_blocking=True)  # type: ignore[arg-type]
    if isinstance(value, Mapping):
        return {key: to_tensors(item, device) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(to_tensors(item, device) for item in value))
    if isinstance(value, list | tuple):
        return type(value)(to_tensors(item, device) for item in value)
    if hasattr(value, "__array__"):
        tensor = torch.as_tensor(value.__array__())
        return tensor if device is None else tensor.to(device)
    return value


def concatenate(parts: Sequence[Any]) -> Any:
    """Join the outputs of several batches along the first dimension, nest by nest.

    Args:
        parts: One output for each batch, all of the same shape but for the first dimension.
            Scalars are stacked into a vector; what is no tensor is joined into a list, and so are
            objects of `PackedSequence`.

    Raises:
        RuntimeError: The shapes differ.
    """
    first = parts[0]
    if isinstance(first, Tensor):
        return torch.cat([part.reshape(1) if part.dim() == 0 else part for part in parts])
    if isinstance(first, Mapping):
        return {key: concatenate([part[key] for part in parts]) for key in first}
    if isinstance(first, list | tuple) and not isinstance(first, PackedSequence):
        joined = [concatenate(list(items)) for items in zip(*parts, strict=True)]
        if hasattr(first, "_fields"):
            return type(first)(*joined)
        return type(first)(joined)
    return list(parts)
