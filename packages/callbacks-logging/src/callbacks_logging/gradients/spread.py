# SPDX-License-Identifier: MIT
"""Measures of tensors that are spread over ranks: `DTensor`s, such as `fully_shard` makes.

Each rank measures its own part, which may be empty; the parts of all tensors that are spread alike
are put together at once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from .rows import DEVIATION, HIGH, LEAST, LOW, MEAN, MEASURES

if TYPE_CHECKING:
    from torch import Tensor

Way: TypeAlias = tuple[Any, tuple[int, ...]]
"""A mesh of ranks, and its dimensions over which parts must be put together."""


class Alike(NamedTuple):
    """Tensors that are spread in one way.

    Attributes:
        way: The way.
        places: Which columns they are.
        counts: How many numbers this rank has of each.
        totals: How many numbers all ranks have.
    """

    way: Way
    places: Tensor
    counts: Tensor
    totals: Tensor


def is_spread(tensor: object) -> bool:
    """Whether a tensor is a `DTensor`."""
    return hasattr(tensor, "placements")


def local(tensor: Any) -> Tensor:
    """Return this rank's part of a tensor, sums that the ranks still owe added up."""
    if not is_spread(tensor):
        return tensor  # type: ignore[no-any-return]  # then it is one
    if any(place.is_partial() for place in tensor.placements):
        replicate = sys.modules["torch.distributed.tensor"].Replicate()
        places = [replicate if place.is_partial() else place for place in tensor.placements]
        tensor = tensor.redistribute(placements=places)
    part: Tensor = tensor.to_local()
    return part


def way_of(tensor: Any) -> Way | None:
    """Return how a tensor is spread; None when this rank has all of it."""
    if not is_spread(tensor):
        return None
    dims = tuple(index for index, place in enumerate(tensor.placements) if place.is_shard())
    return (tensor.device_mesh, dims) if dims else None


def together(measures: Tensor, alike: Alike) -> Tensor:
    """Return *measures* with the columns of tensors that are spread put together over the ranks.

    Every rank of the mesh has to call this.
    """
    torch = sys.modules["torch"]
    own = measures[:, alike.places]
    there = alike.counts > 0
    sums = torch.cat([own[MEAN : MEAN + 1] * alike.counts, own[MEASURES:]])
    sums = reduced(torch.where(there, sums, 0.0), alike.way, "SUM")
    mean = sums[0] / alike.totals
    deviation = own[DEVIATION] + alike.counts * (own[MEAN] - mean) ** 2
    deviation = reduced(torch.where(there, deviation, 0.0), alike.way, "SUM")
    extremes = torch.stack([own[LOW], -own[HIGH], own[LEAST]])
    extremes = reduced(torch.where(there, extremes, torch.inf), alike.way, "MIN")
    low, high, least = torch.where(mean.isnan(), torch.nan, extremes)  # whatever MIN makes of NaN
    whole = torch.cat([torch.stack([mean, deviation, low, -high, least]), sums[1:]])
    result: Tensor = measures.index_copy(1, alike.places, whole)
    return result


def reduced(tensor: Tensor, way: Way, operation: str) -> Tensor:
    """Return *tensor* put together over the ranks."""
    distributed = sys.modules["torch.distributed"]
    mesh, dims = way
    tensor = tensor.contiguous()
    for dim in dims:
        distributed.all_reduce(
            tensor, getattr(distributed.ReduceOp, operation), group=mesh.get_group(dim)
        )
    return tensor


def ways(tensors: Iterable[Tensor]) -> dict[Way, list[int]]:
    """Return for each way in which some of *tensors* are spread, which ones these are."""
    found: dict[Way, list[int]] = {}
    for index, tensor in enumerate(tensors):
        way = way_of(tensor)
        if way is not None:
            found.setdefault(way, []).append(index)
    return found
