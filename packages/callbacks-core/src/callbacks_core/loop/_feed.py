# SPDX-License-Identifier: MIT
"""Batches out of anything that can be iterated over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from ._place import Place

Batch = TypeVar("Batch")


def loader_length(loader: object) -> int | None:
    """Return the number of batches in *loader*, or None when it does not tell."""
    try:
        return len(loader)  # type: ignore[arg-type]  # asking is the way to find out
    except (TypeError, NotImplementedError):
        return None


def feed(
    loader: Iterable[Batch], steps: int | None, name: str, place: Place, taken: int = 0
) -> Iterator[Batch]:
    """Return the batches of one pass, or those that are left of it.

    Args:
        loader: Anything that can be iterated over.
        steps: Take so many batches: a loader that ends before is started again, an iterator is
            continued from where it stands. None takes what there is.
        name: What the loader is called in errors.
        place: Where the run stands in the loader.
        taken: How many batches of the pass there were, in another process.

    Raises:
        TypeError: *loader* cannot be iterated over.
        ValueError: It has no batch, or is an iterator that runs dry before *steps*.
    """
    if not any(hasattr(type(loader), name) for name in ("__iter__", "__getitem__")):
        raise TypeError(
            f"the {name} loader must be something to iterate over, not {type(loader).__name__}"
        )
    iterator = place.begin(loader, 0)
    if steps is None:
        return iterator
    return _cycle(loader, iterator, steps, name, place, taken)


def _cycle(
    loader: Iterable[Batch],
    iterator: Iterator[Batch],
    steps: int,
    name: str,
    place: Place,
    taken: int,
) -> Iterator[Batch]:
    before = -1 if taken else 0  # a round that was begun in another process may be at its end
    while True:
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
        before = taken
        iterator = place.begin(loader, taken)


class LookAhead(Generic[Batch]):
    """An iterator of which the next batch can be fetched early, to know whether there is one.

    Args:
        batches: The batches.
    """

    def __init__(self, batches: Iterator[Batch]) -> None:
        self._batches = batches
        self._fetched: list[Batch] = []

    def __iter__(self) -> Iterator[Batch]:
        """Return itself."""
        return self

    def __next__(self) -> Batch:
        """Return the next batch."""
        return self._fetched.pop() if self._fetched else next(self._batches)

    def has_next(self) -> bool:
        """Whether there is another batch, which is fetched to find out."""
        if not self._fetched:
            self._fetched.extend(islice(self._batches, 1))
        return bool(self._fetched)


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
