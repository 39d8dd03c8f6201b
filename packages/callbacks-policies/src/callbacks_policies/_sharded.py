# SPDX-License-Identifier: MIT
"""Norms of tensors that are spread over ranks: `DTensor`s, such as `fully_shard` makes.

Each rank looks at its own part alone, which may be empty, and the parts are added up once for all
tensors that are spread alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, distributed
from torch.nn.utils import get_total_norm

Spread: TypeAlias = tuple[Any, tuple[int, ...]]
"""A mesh of ranks, and its dimensions over which parts must be added up."""


def is_spread(tensor: Tensor) -> bool:
    """Whether a tensor is a `DTensor`."""
    return hasattr(tensor, "placements")


def local(tensor: Tensor) -> Tensor:
    """Return this rank's part of a tensor, which shares its memory."""
    part: Tensor = tensor.to_local() if is_spread(tensor) else tensor  # type: ignore[attr-defined]  # a DTensor
    return part


def gradients_of(parameters: Iterable[Tensor]) -> list[Tensor]:
    """Return the gradients that there are; sums that the ranks still owe are added up first."""
    return [_complete(parameter) for parameter in parameters if parameter.grad is not None]


def _complete(parameter: Tensor) -> Tensor:
    gradient: Any = parameter.grad
    if is_spread(gradient) and any(place.is_partial() for place in gradient.placements):
        from torch.distributed.tensor import Replicate

        places = [Replicate() if p.is_partial() else p for p in gradient.placements]
        parameter.grad = gradient = gradient.redistribute(placements=places)
    whole: Tensor = gradient
    return whole


@torch.no_grad()
def clip_spread_norm_(
    parameters: Iterable[Tensor],
    max_norm: float,
    *,
    norm_type: float,
    error_if_nonfinite: bool,
    foreach: bool | None,
) -> Tensor:
    """Do what `torch.nn.utils.clip_grad_norm_` does, and return a plain tensor.

    That one fails on an empty part when it looks for the largest value, and on parameters only
    some of which are spread, or not over the same ranks.

    Raises:
        RuntimeError: The norm is infinite or NaN, and that is an error.
    """
    gradients = gradients_of(parameters)
    if not gradients:
        return torch.tensor(0.0)
    norm = total_norm(gradients, norm_type, foreach)
    if error_if_nonfinite and not norm.isfinite():
        raise RuntimeError(f"the norm of order {norm_type:g} of the gradients is non-finite")
    coefficient = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    by_device: dict[torch.device, list[Tensor]] = {}
    for gradient in gradients:
        by_device.setdefault(gradient.device, []).append(local(gradient))
    for device, parts in by_device.items():
        torch._foreach_mul_(parts, coefficient.to(device))
    return norm


def total_norm(tensors: Sequence[Tensor], norm_type: float, foreach: bool | None) -> Tensor:
    """Return the common norm of tensors over all ranks, a plain tensor."""
    groups: dict[Spread, list[Tensor]] = {}
    for tensor in tensors:
        groups.setdefault(_spread(tensor), []).append(local(tensor))
    norms = []
    for (mesh, dims), parts in groups.items():
        norm = _own_norm(parts, norm_type, foreach)
        if dims and norm_type == math.inf:
            _reduce(norm, mesh, dims, distributed.ReduceOp.MAX)
        elif dims:
            norm = norm**norm_type
            _reduce(norm, mesh, dims, distributed.ReduceOp.SUM)
            norm = norm ** (1 / norm_type)
        norms.append(norm.to(local(tensors[0]).device))
    total: Tensor = torch.linalg.vector_norm(torch.stack(norms), norm_type)
    return total


def _own_norm(parts: list[Tensor], norm_type: float, foreach: bool | None) -> Tensor:
    there = [part for part in parts if part.numel()]
    if not there:
        return parts[0].new_zeros(())
    return get_total_norm(there, norm_type, foreach=foreach)


def unit_norms(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return for each tensor the norms of its rows, or of a vector as a whole.

    They are this rank's, in a shape that multiplies with its part of the tensor.
    """
    norms = [_own_unit_norms(local(tensor)) for tensor in tensors]
    groups: dict[Spread, list[int]] = {}
    for index, tensor in enumerate(tensors):
        mesh, dims = _spread(tensor, rows=tensor.dim() > 1)
        if dims:
            groups.setdefault((mesh, dims), []).append(index)
    for (mesh, dims), indices in groups.items():
        squares = torch.cat([norms[index].reshape(-1) for index in indices]) ** 2
        _reduce(squares, mesh, dims, distributed.ReduceOp.SUM)
        parts = torch.split(squares.sqrt(), [norms[index].numel() for index in indices])
        for index, part in zip(indices, parts, strict=True):
            norms[index] = part.reshape(norms[index].shape)
    return norms


def _own_unit_norms(tensor: Tensor) -> Tensor:
    units = tuple(range(1, tensor.dim())) or None
    norms: Tensor = torch.linalg.vector_norm(tensor, dim=units, keepdim=units is not None)
    return norms


def _spread(tensor: Tensor, *, rows: bool = False) -> Spread:
    """Return over what parts must be added up, for the whole tensor or for each of its rows."""
    if not is_spread(tensor):
        return None, ()
    spread: Any = tensor
    dims = tuple(
        index
        for index, place in enumerate(spread.placements)
        if not place.is_replicate() and not (rows and place.dim == 0)
    )
    return spread.device_mesh, dims


def _reduce(tensor: Tensor, mesh: Any, dims: Iterable[int], operation: Any) -> None:
    for dim in dims:
        distributed.all_reduce(tensor, operation, group=mesh.get_group(dim))
