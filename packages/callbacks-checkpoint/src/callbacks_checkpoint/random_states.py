# SPDX-License-Identifier: MIT
"""The states of all random generators, as plain types and tensors."""

from __future__ import annotations

import logging
import random
import sys
from typing import Any

import torch

from callbacks_core import PathLike, State

from .checkpoint_file import load_checkpoint, save_checkpoint

_logger = logging.getLogger("callbacks_checkpoint")


def get_random_states() -> State:
    """Return the states of the global generators of Python, NumPy, torch and all CUDA devices.

    NumPy's is there when NumPy has been imported, CUDA's when CUDA has been used.
    """
    version, numbers, gauss = random.getstate()
    states: State = {
        "python": [version, list(numbers), gauss],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if _uses_cuda() else [],
    }
    if "numpy.random" in sys.modules:
        numpy_state = sys.modules["numpy.random"].get_state(legacy=False)
        key = [int(number) for number in numpy_state["state"]["key"]]
        states["numpy"] = {**numpy_state, "state": {**numpy_state["state"], "key": key}}
    return states


def _uses_cuda() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]  # torch lacks it


def set_random_states(states: State) -> None:
    """Put the generators into states that `get_random_states` has returned.

    CUDA devices that were not there then, or are not there now, are left out and told of; so is
    NumPy when it is not installed.
    """
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers), gauss))
    torch.set_rng_state(states["torch"])
    _set_cuda(states["cuda"])
    if "numpy" in states:
        _set_numpy(states["numpy"])


def _set_cuda(states: list[torch.Tensor]) -> None:
    count = torch.cuda.device_count() if states else 0
    if len(states) != count:
        _logger.warning("random states of %d CUDA devices, and %d are here", len(states), count)
    for device, state in enumerate(states[:count]):
        torch.cuda.set_rng_state(state, device)


def _set_numpy(state: dict[str, Any]) -> None:
    try:
        import numpy
    except ImportError:
        _logger.warning("there is a random state of NumPy, which is not installed")
        return
    key = numpy.array(state["state"]["key"], dtype=numpy.uint32)
    numpy.random.set_state({**state, "state": {**state["state"], "key": key}})


def save_random_states(path: PathLike) -> None:
    """Save the states of all random generators as a sealed checkpoint.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be written; the old one is as it was.
    """
    save_checkpoint(get_random_states(), path)


def load_random_states(path: PathLike) -> None:
    """Put all random generators into the states that a file holds.

    Args:
        path: What `save_random_states` or a `RandomStatesCheckpoint` has written.

    Raises:
        CheckpointError: The file is damaged, or not safe to load.
        OSError: It cannot be read.
    """
    set_random_states(load_checkpoint(path))
