# SPDX-License-Identifier: MIT
"""Data loaders of which each process takes its share."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any, Final

import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
)

from callbacks_core import loader_length

from ._group import Group

_KEPT: Final = (
    "num_workers",
    "collate_fn",
    "pin_memory",
    "timeout",
    "worker_init_fn",
    "multiprocessing_context",
    "generator",
    "prefetch_factor",
    "persistent_workers",
)
_log = logging.getLogger(__name__)


class Loaders:
    """Shares the examples of loaders out among the processes.

    A plain `DataLoader`, with a sampler of torch's own, is made anew with a sampler that yields
    this process's share. Whatever else is iterated over is used as it is, and has to yield a share
    by itself.

    Args:
        group: The processes; None for a single one, and nothing is shared out then.
    """

    def __init__(self, group: Group | None) -> None:
        self._group = group

    def training(self, loader: Iterable[Any], steps: int | None = None) -> Iterable[Any]:
        """Return the share of a loader to train on; all get the same number of batches.

        For this, a few examples come twice in an epoch, as torch's `DistributedSampler` has it.
        Of what cannot be shared out, an epoch takes as many batches as the process with the
        fewest has.

        Args:
            loader: The loader.
            steps: How many batches of it make an epoch, if that is said.
        """
        if self._group is None:
            return loader
        if self._can_be_shared(loader, "training"):
            self._tell("the training loader is made anew, to yield each process its share")
            return _shuffled(loader, self._group)
        if steps is not None:
            return loader
        lengths = set(self._group.gather(loader_length(loader)))
        if len(lengths) == 1 and None not in lengths:
            return loader
        return _Evened(loader, self._group)

    def evaluation(self, loader: Any) -> tuple[Any, bool]:
        """Return the share of a loader to evaluate, each example once, and whether it is one.

        The shares lie one after the other in the data set. All have the same number of batches,
        so that a sharded network can be evaluated; their sizes differ by one at most. A data set
        with fewer examples than there are processes is evaluated as a whole by each.
        """
        if self._group is None or not self._can_be_shared(loader, "evaluation"):
            return loader, False
        count, size, rank = len(loader.dataset), self._group.size, self._group.rank
        if loader.drop_last:
            count -= count % loader.batch_size
        if count < size:
            return loader, False
        sampler = EvenBatches(count, loader.batch_size, rank, size)
        return _made_anew(loader, batch_sampler=sampler), True

    def _can_be_shared(self, loader: object, what: str) -> bool:
        reason = _why_not(loader)
        if reason is not None:
            self._tell(f"the {what} loader is used as it is in every process: {reason}")
        return reason is None

    def _tell(self, what: str) -> None:
        if self._group is not None and self._group.rank == 0:
            _log.info(what)


def _why_not(loader: Any) -> str | None:
    kind: type[Any] = type(loader)
    if kind is not DataLoader:
        return f"it is a {kind.__name__}, and no plain DataLoader"
    if isinstance(loader.dataset, IterableDataset):
        return "its data set can only be iterated over"
    if type(loader.batch_sampler) is not BatchSampler:
        return "it has a batch sampler of its own, or makes no batches"
    plain = type(loader.sampler) is SequentialSampler or (
        type(loader.sampler) is RandomSampler
        and not loader.sampler.replacement
        and loader.sampler.num_samples == len(loader.dataset)
    )
    return None if plain else f"it has a {type(loader.sampler).__name__} of its own"


def _shuffled(loader: Any, group: Group) -> Iterable[Any]:
    sampler: DistributedSampler[Any] = DistributedSampler(
        loader.dataset,
        group.size,
        group.rank,
        shuffle=isinstance(loader.sampler, RandomSampler),
        seed=group.gather(torch.initial_seed() % 2**32)[0],
        drop_last=loader.drop_last,
    )
    return _made_anew(
        loader, batch_size=loader.batch_size, sampler=sampler, drop_last=loader.drop_last
    )


def _made_anew(loader: Any, **options: Any) -> DataLoader[Any]:
    kept = {name: getattr(loader, name) for name in _KEPT}
    return DataLoader(loader.dataset, **kept, **options)


def set_epoch(loader: object, epoch: int) -> None:
    """Tell the samplers of a loader which epoch begins, those that want to know."""
    batches = getattr(loader, "batch_sampler", None)
    samplers = (getattr(loader, "sampler", None), batches, getattr(batches, "sampler", None))
    found: dict[int, Any] = {id(sampler): sampler for sampler in samplers}
    for sampler in found.values():
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(epoch)


class EvenBatches(Sampler[list[int]]):
    """The share of one process: a stretch of the data set, in as many batches as the others have.

    Args:
        count: The number of examples of all, at least *size*.
        batch_size: How many of them make a batch, at most where that is possible.
        rank: The number of the process.
        size: The number of processes.
    """

    def __init__(self, count: int, batch_size: int, rank: int, size: int) -> None:
        self._start = rank * count // size
        self._length = (rank + 1) * count // size - self._start
        smallest, largest = count // size, -(-count // size)
        self._batches = min(-(-largest // batch_size), smallest)

    def __len__(self) -> int:
        """Return the number of batches."""
        return self._batches

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the places of the examples of each batch."""
        for number in range(self._batches):
            start = self._start + number * self._length // self._batches
            stop = self._start + (number + 1) * self._length // self._batches
            yield list(range(start, stop))


class _Evened:
    """Batches until the first process has none left."""

    def __init__(self, loader: Iterable[Any], group: Group) -> None:
        self._loader = loader
        self._group = group

    def __iter__(self) -> Iterator[Any]:
        """Yield batches, agreeing before each that all have one."""
        nothing = object()
        iterator = iter(self._loader)
        while True:
            batch = next(iterator, nothing)
            if self._group.any(batch is nothing)[0]:
                return
            yield batch
