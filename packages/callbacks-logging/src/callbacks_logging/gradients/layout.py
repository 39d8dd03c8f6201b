# SPDX-License-Identifier: MIT
"""How the tensors of a network are measured: many at once, and none copied that is large."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .rows import MEASURES, from_rows, merged, of_rows, of_segments, wide
from .spread import Alike, is_spread, local, reduced, together, ways

if TYPE_CHECKING:
    from torch import Tensor

_CHUNK: Final = {"cpu": 2**16, "cuda": 2**24}
"""So many numbers are measured at once: what a processor's cache holds, or fills a GPU."""
_OTHER_CHUNK: Final = 2**22
_FEW: Final = 8
_SMALL: Final = 2**13
"""Tensors that are so small, and of whose shape there are so few, are put into one vector."""


class Group(NamedTuple):
    """Tensors that are measured together.

    Attributes:
        indices: Which ones they are.
        lengths: How many numbers each has, on the device, if they become parts of a vector;
            otherwise they are of one shape.
    """

    indices: list[int]
    lengths: Tensor | None = None


class Part:
    """The tensors on one device, in the order in which they are measured.

    Tensors of one shape become the rows of a matrix, so that a few operations measure all of them,
    and small ones of many shapes the parts of a vector; large ones are measured in chunks.

    Args:
        tensors: All tensors.
        groups: Those that are measured together.

    Attributes:
        order: The indices of the part's tensors: column *i* of a result belongs to tensor
            ``order[i]``.
        places: The same as a tensor on the device.
        counts: How many numbers each of these tensors has, over all ranks.
    """

    def __init__(self, tensors: Sequence[Any], groups: list[Group]) -> None:
        self._groups = sorted(groups, key=_is_stack, reverse=True)
        self._stacks = sum(map(_is_stack, groups))
        self.order = [index for group in self._groups for index in group.indices]
        mine = [tensors[index] for index in self.order]
        self.places: Tensor = sys.modules["torch"].tensor(self.order, device=local(mine[0]).device)
        self.counts = [_count(tensor) for tensor in mine]
        self._has_spread = any(map(is_spread, mine))
        self._spread = list(self._alike(mine)) if self._has_spread else []

    def _alike(self, mine: list[Any]) -> Iterator[Alike]:
        torch = sys.modules["torch"]
        like = wide(torch.zeros((), device=local(mine[0]).device))
        # In the order of the network: that of the groups may differ between ranks, whose parts
        # have other shapes.
        columns = sorted(range(len(mine)), key=self.order.__getitem__)
        for way, found in ways([mine[column] for column in columns]).items():
            places = [columns[place] for place in found]
            yield Alike(
                way,
                like.new_tensor(places, dtype=torch.int64),
                like.new_tensor([_count(local(mine[place])) for place in places]),
                like.new_tensor([self.counts[place] for place in places]),
            )

    def _members(self, tensors: Sequence[Any], group: Group) -> list[Tensor]:
        members = [tensors[index] for index in group.indices]
        return list(map(local, members)) if self._has_spread else members

    def measure(self, tensors: Sequence[Any], orders: Sequence[float]) -> Tensor:
        """Return the measures of the part's tensors, a column for each."""
        torch = sys.modules["torch"]
        stacked, others = self._groups[: self._stacks], self._groups[self._stacks :]
        rows = [
            of_rows(_stacked(self._members(tensors, group)), orders, owned=True)
            for group in stacked
        ]
        found = [from_rows(torch.cat(rows, 1), orders)] if rows else []
        found += [
            _measure(self._members(tensors, group), group.lengths, orders) for group in others
        ]
        measures: Tensor = torch.cat(found, 1)
        for alike in self._spread:
            measures = together(measures, alike)
        return measures

    def copies(self, tensors: Sequence[Any]) -> list[Tensor]:
        """Return copies of the part's tensors, a matrix for those of one shape."""
        found: list[Tensor] = []
        for group in self._groups:
            members = self._members(tensors, group)
            found += map(_stacked, [members] if group.lengths is None else [[m] for m in members])
        return found

    def squares(self, matrices: Sequence[Tensor]) -> Tensor:
        """Return the sum of the squares of each tensor, given matrices as `copies` makes them."""
        torch = sys.modules["torch"]
        norms = [wide(torch.linalg.vector_norm(matrix, dim=1)) for matrix in matrices]
        squares: Tensor = torch.cat(norms).abs().square_()
        for alike in self._spread:
            whole = reduced(squares[alike.places], alike.way, "SUM")
            squares = squares.index_copy(0, alike.places, whole)
        return squares


def parts(tensors: Sequence[Any]) -> list[Part]:
    """Return the parts that tensors are measured in, one for each device.

    Args:
        tensors: The tensors, None among them.
    """
    alike: dict[tuple[Any, ...], list[int]] = {}
    for index, tensor in enumerate(tensors):
        if tensor is not None:
            part = local(tensor)
            key = (part.device, part.dtype, part.layout, part.shape)
            alike.setdefault(key, []).append(index)
    by_device: dict[Any, list[Group]] = {}
    odd: dict[tuple[Any, Any], list[int]] = {}
    for (device, dtype, layout, shape), indices in alike.items():
        dense = layout is sys.modules["torch"].strided and not dtype.is_complex and shape.numel()
        if dense and len(indices) < _FEW and shape.numel() <= _SMALL:
            odd.setdefault((device, dtype), []).extend(indices)
            continue
        at_once = max(1, chunk(device.type) // shape.numel()) if dense else 1
        for at in range(0, len(indices), at_once):
            by_device.setdefault(device, []).append(Group(indices[at : at + at_once]))
    for (device, _), indices in odd.items():
        by_device.setdefault(device, []).extend(_segments(tensors, indices, device))
    return [Part(tensors, groups) for groups in by_device.values()]


def _segments(tensors: Sequence[Any], indices: list[int], device: Any) -> Iterator[Group]:
    """Yield groups of small tensors, hardly larger than a chunk."""
    torch = sys.modules["torch"]
    sizes = [local(tensors[index]).numel() for index in indices]
    chunks = [begin // chunk(device.type) for begin in accumulate(sizes, initial=0)]
    for _, found in groupby(zip(chunks, indices, sizes, strict=False), key=lambda entry: entry[0]):
        _, group, lengths = zip(*found, strict=True)
        several = len(group) > 1
        yield Group(list(group), torch.tensor(lengths, device=device) if several else None)


def chunk(kind: str) -> int:
    """Return how many numbers are measured at once on a kind of device."""
    return _CHUNK.get(kind, _OTHER_CHUNK)


def _measure(tensors: list[Tensor], lengths: Tensor | None, orders: Sequence[float]) -> Tensor:
    torch = sys.modules["torch"]
    first = tensors[0]
    if lengths is not None:
        return of_segments(torch.cat([tensor.reshape(-1) for tensor in tensors]), lengths, orders)
    if first.layout is not torch.strided:
        return _of_sparse(first, orders)
    if first.is_complex():
        first = torch.view_as_real(first)
    if not first.numel():
        return _zeros(first, orders)
    return _of_flat(_flat(first), orders)


def _of_flat(flat: Tensor, orders: Sequence[float]) -> Tensor:
    torch = sys.modules["torch"]
    size = chunk(flat.device.type)
    if flat.numel() <= size:
        return from_rows(of_rows(flat.unsqueeze(0), orders), orders)
    pieces: tuple[Tensor, ...] = torch.split(flat, size)
    rows = torch.cat([of_rows(piece.unsqueeze(0), orders) for piece in pieces], 1)
    measures = from_rows(rows, orders)
    counts = measures.new_full((len(pieces),), size)
    counts[-1].fill_(pieces[-1].numel())
    return merged(measures, counts)


def _of_sparse(tensor: Tensor, orders: Sequence[float]) -> Tensor:
    """Return the measure of a sparse tensor, without making the zeros that it does not hold."""
    torch = sys.modules["torch"]
    if tensor.layout is torch.sparse_coo:
        tensor = tensor.coalesce()
    values = tensor.values()
    values = (torch.view_as_real(values) if values.is_complex() else values).reshape(-1)
    zeros = _zeros(values, orders)
    total = tensor.numel() * (2 if tensor.is_complex() else 1)
    absent = total - values.numel()
    if not values.numel():
        return zeros
    measures = _of_flat(values, orders)
    if not absent:
        return measures
    counts = measures.new_tensor([values.numel(), absent])
    return merged(torch.cat([measures, zeros], 1), counts)


def _zeros(like: Tensor, orders: Sequence[float]) -> Tensor:
    return wide(like.new_zeros(MEASURES + len(orders), 1).float())


def _is_stack(group: Group) -> bool:
    """Whether a group becomes the rows of a matrix."""
    return group.lengths is None and len(group.indices) > 1


def _stacked(tensors: list[Tensor]) -> Tensor:
    stack: Tensor = sys.modules["torch"].stack(tensors)
    return stack.unsqueeze(1) if stack.dim() == 1 else stack.flatten(1)


def _flat(tensor: Tensor) -> Tensor:
    """Return the numbers of a tensor in one dimension, in whatever order needs no copy."""
    if not tensor.is_contiguous():
        strides = tensor.stride()
        tensor = tensor.permute(sorted(range(tensor.dim()), key=lambda dim: -strides[dim]))
    return tensor.reshape(-1)


def _count(tensor: Tensor) -> int:
    return tensor.numel() * (2 if tensor.is_complex() else 1)
