# SPDX-License-Identifier: MIT
"""Datasets and loaders made from arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from callbacks_core import whole_number


class TensorDataset(Dataset[Any]):
    """A dataset over tensors or arrays that are indexed together, in nested tuples.

    ``TensorDataset((ids, lengths), y)[0]`` is ``((ids[0], lengths[0]), y[0])``.

    Args:
        *values: Tensors, arrays, or tuples of them, all of the same length.

    Raises:
        TypeError: A value has no length.
        ValueError: The lengths differ, or there is nothing at all.
    """

    def __init__(self, *values: Any) -> None:
        self.values = tuple(_as_tensors(value) for value in values)
        lengths = {name: len(tensor) for name, tensor in _leaves(self.values, "")}
        if not lengths:
            raise ValueError("a TensorDataset needs at least one tensor")
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"values{name}: {size}" for name, size in lengths.items())
            raise ValueError(f"all tensors must have the same length; they have {listed}")
        self._length = next(iter(lengths.values()))

    def __len__(self) -> int:
        """Return the number of examples."""
        return self._length

    def __getitem__(self, index: int) -> Any:
        """Return one example, in the shape of the constructor's arguments."""
        items = tuple(_item(value, index) for value in self.values)
        return items if len(items) > 1 else items[0]


def _as_tensors(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, tuple | list):
        return tuple(_as_tensors(item) for item in value)
    if hasattr(value, "__array__"):
        return torch.as_tensor(value.__array__())
    raise TypeError(f"expected a tensor, an array or a tuple of them, not {value!r}")


def _leaves(values: Sequence[Any], path: str) -> list[tuple[str, Tensor]]:
    found: list[tuple[str, Tensor]] = []
    for index, value in enumerate(values):
        name = f"{path}[{index}]"
        found += _leaves(value, name) if isinstance(value, tuple) else [(name, value)]
    return found


def _item(value: Any, index: int) -> Any:
    if isinstance(value, tuple):
        return tuple(_item(item, index) for item in value)
    return value[index]


def make_loader(
    dataset: Dataset[Any],
    *,
    batch_size: int,
    shuffle: bool = False,
    num_workers: int = 0,
    collate_fn: Any = None,
    pin_memory: bool = False,
    options: Mapping[str, Any] | None = None,
) -> DataLoader[Any]:
    """Return a `DataLoader`.

    Args:
        dataset: The dataset.
        batch_size: The number of examples in a batch.
        shuffle: Whether to draw them in a new order each time.
        num_workers: The number of processes that load them.
        collate_fn: Makes a batch of a list of examples.
        pin_memory: Whether to load batches into pinned memory.
        options: Arguments of `DataLoader` that go before all of these.

    Raises:
        TypeError: A number is no whole number, or *collate_fn* no function.
        ValueError: A number is out of range.
    """
    given = dict(options or {})
    if "batch_size" not in given:
        whole_number("batch_size", batch_size, at_least=1)
    whole_number("num_workers", given.get("num_workers", num_workers), at_least=0)
    if collate_fn is not None and not callable(collate_fn):
        raise TypeError(
            f"`collate_fn` must be a function of a list of examples, not {collate_fn!r}"
        )
    ours: dict[str, Any] = {
        "batch_size": batch_size,
        "shuffle": shuffle,
        "num_workers": num_workers,
        "collate_fn": collate_fn,
        "pin_memory": pin_memory,
    }
    samplers = [key for key in ("sampler", "batch_sampler") if given.get(key) is not None]
    if samplers or isinstance(dataset, IterableDataset):
        del ours["shuffle"]
    if "batch_sampler" in samplers:
        del ours["batch_size"]
    return DataLoader(dataset, **(ours | given))
