# SPDX-License-Identifier: MIT
"""Find out how many examples fit into memory at once."""

from __future__ import annotations

import copy
import gc
import logging
from collections.abc import Mapping
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.utils.data import Dataset

from callbacks_core import (
    get_random_states,
    loader_length,
    set_random_states,
    whole_number,
    world_size,
)

from .arguments import require_dataset
from .data import make_loader

if TYPE_CHECKING:
    from .model import Model

_NO_MEMORY: Final = (
    "out of memory",
    "can't allocate memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_NOT_SUPPORTED",
)
_logger = logging.getLogger("callbacks_trainer")


def find_batch_size(
    model: Model,
    dataset: Dataset[Any],
    *,
    start: int = 8,
    largest: int | None = None,
    steps: int = 3,
    collate_fn: Any = None,
    dataloader_kwargs: Mapping[str, Any] | None = None,
) -> int:
    """Find the largest batch that a model can be trained with before memory runs out.

    It trains a few steps with batches of *start* examples, of twice as many, and so on; and with
    half as many if *start* are too many already. Network, optimizer and random states are put back
    as they were, bit for bit. Leave some room in earnest: what else takes memory may grow.

    On CUDA memory that runs out is an error, which is caught. On the CPU the system rather ends
    the process, so say there how far to go.

    Args:
        model: The model, on its device.
        dataset: Examples to train on.
        start: The first batch size to try.
        largest: The last one; by default, and at most, the whole dataset.
        steps: How many steps to train with each: the second one has the optimizer's state in
            memory too.
        collate_fn: As for `Model.fit_dataset`.
        dataloader_kwargs: As for `Model.fit_dataset`.

    Returns:
        A batch size: *start* times or divided by a power of two, or *largest*.

    Raises:
        TypeError: *dataset* is none.
        RuntimeError: Not even a single example fits, or several processes train together.
        ValueError: A number is out of range, or the dataset is empty or does not tell its length.
    """
    require_dataset("dataset", dataset, "fit")
    for name, number in (("start", start), ("steps", steps)):
        whole_number(name, number, at_least=1)
    if largest is not None:
        whole_number("largest", largest, at_least=1)
    if world_size() > 1:
        raise RuntimeError(
            "a process that runs out of memory leaves the others waiting: find the batch size in "
            "a single process"
        )
    length = loader_length(dataset)
    if not length:
        raise ValueError("a dataset with a length is needed, and one that is not empty")
    end = min(length, largest or length)
    options = {"collate_fn": collate_fn, "options": dataloader_kwargs}

    def fits(size: int) -> bool:
        loader = make_loader(dataset, batch_size=size, **options)
        return _trains(model, list(islice(cycle(loader), steps)), size)

    restore = _memory_of(model)
    try:
        return _search(fits, min(start, end), end)
    finally:
        restore()


def _search(fits: Any, size: int, end: int) -> int:
    if not fits(size):
        while size > 1:
            size //= 2
            if fits(size):
                return size
        raise RuntimeError("not even a single example fits into memory")
    while size < end:
        larger = min(2 * size, end)
        if not fits(larger):
            break
        size = larger
    return size


def _trains(model: Model, batches: list[Any], size: int) -> bool:
    try:
        model.fit_generator(batches, epochs=1, verbose=False)
    except RuntimeError as error:  # torch's error of memory is one, but not every one has its type
        if not isinstance(error, torch.OutOfMemoryError) and not any(
            text in str(error) for text in _NO_MEMORY
        ):
            raise
        fitted = False
    else:
        fitted = True
    _let_go(model)
    _logger.info("batches of %d: %s", size, "fine" if fitted else "out of memory")
    return fitted


def _let_go(model: Model) -> None:
    for parameter in model.network.parameters():
        parameter.grad = None
    gc.collect()
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # torch has no types for it
        torch.cuda.empty_cache()


def _memory_of(model: Model) -> Any:
    """Return a function that puts everything back as it is now."""
    weights = model.get_weight_copies()
    optimizer = copy.deepcopy(model.get_optimizer_state())
    gradients = [parameter.grad for parameter in model.network.parameters()]
    scaler = None if model.scaler is None else model.scaler.state_dict()
    random_states = get_random_states()
    stopped = model.stop_training

    def restore() -> None:
        model.set_weights(weights)
        model.set_optimizer_state(optimizer)
        for parameter, gradient in zip(model.network.parameters(), gradients, strict=True):
            parameter.grad = gradient
        if model.scaler is not None and scaler is not None:
            model.scaler.load_state_dict(scaler)
        model.stop_training = stopped
        set_random_states(random_states)

    return restore
