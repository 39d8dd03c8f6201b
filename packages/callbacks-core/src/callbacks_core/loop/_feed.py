# SPDX-License-Identifier: MIT
"""Batches out of anything that can be iterated over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Batch = TypeVar("Batch")


def loader_length(loader: object) -> int | None:
    """Return the number of batches in *loader*, or None when it does not tell."""
    try:
        return len(loader)  # type: ignore[arg-type]  # asking is the way to find out
    except (TypeError, NotImplementedError):
        return None


def feed(loader: Iterable[Batch], steps: int | None, name: str) -> Iterator[Batch]:
    """Return the batches of one pass.

    Args:
        loader: Anything that can be iterated over.
        steps: Take so many batches: a loader that ends before is started again, an iterator is
            continued from where it stands. None takes what there is.
        name: What the loader is called in errors.

    Raises:
        TypeError: *loader* cannot be iterated over.
        ValueError: It has no batch, or is an iterator that runs dry before *steps*.
    """
    try:
        iterator = iter(loader)
    except TypeError:
        raise TypeError(
            f"the {name} loader must be something to iterate over, not {type(loader).__name__}"
        ) from None
    if steps is None:
        return iterator
    return _cycle(loader, iterator, steps, name)


def _cycle(
    loader: Iterable[Batch], iterator: Iterator[Batch], steps: int, name: str
) -> Iterator[Batch]:
    taken = 0
    while True:
        before = taken
        for batch in islice(iterator, steps - taken):
            taken += 1
            yield batch
        if taken >= steps:
            return
        if iterator is loader:
            raise ValueError(
                f"the {name} loader ran dry after {taken} of {steps} steps: it is an iterator, "
                f"which cannot be started again. Pass something that can, such as a DataLoader "
                f"or a list, or ask for fewer steps"
            )
        if taken == before:
            raise ValueError(f"the {name} loader has no batch at all")
        iterator = iter(loader)


def empty_error(loader: object, name: str, epoch: int) -> ValueError:
    """Return the error for a pass without a single batch."""
    if epoch > 1 and isinstance(loader, Iterator):
        return ValueError(
            f"the {name} loader had nothing left for epoch {epoch}: it is an iterator, which "
            f"can be gone through once. Pass something that can be started again, such as a "
            f"DataLoader or a list, or say how many steps make an epoch"
        )
    empty = loader_length(loader) == 0
    hint = " (is the dataset smaller than a batch, with drop_last=True?)" if empty else ""
    return ValueError(f"the {name} loader has no batch at all{hint}")
