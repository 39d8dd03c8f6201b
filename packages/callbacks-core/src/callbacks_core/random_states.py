# SPDX-License-Identifier: MIT
"""The states of all random generators, as plain types and tensors."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from ._logger import logger
from .callback import State


def get_random_states() -> State:
    """Return the states of the global generators of Python, NumPy, torch and all CUDA devices.

    Those of NumPy and torch are there when they have been imported, CUDA's when CUDA has been
    used.
    """
    import random  # which brings much that nothing else here needs

    version, numbers, gauss = random.getstate()
    states: State = {"python": [version, list(numbers), gauss], "cuda": []}
    torch = sys.modules.get("torch")
    if torch is not None:  # hundreds of numbers take much longer to save than one tensor
        states["python"][1] = torch.tensor(numbers)
        states["torch"] = torch.get_rng_state()
        states["cuda"] = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    if "numpy.random" in sys.modules:
        numpy_state = sys.modules["numpy.random"].get_state(legacy=False)
        key = numpy_state["state"]["key"].tolist()
        if torch is not None:
            key = torch.tensor(key)
        states["numpy"] = {**numpy_state, "state": {**numpy_state["state"], "key": key}}
    return states


def set_random_states(states: State) -> None:
    """Put the generators into states that `get_random_states` has returned.

    CUDA devices that were not there then, or are not there now, are left out and told of; so is
    NumPy when it is not installed.
    """
    import random

    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(_listed(numbers)), gauss))
    if "torch" in states:
        torch = import_module("torch")
        torch.set_rng_state(states["torch"])
        _set_cuda(torch, states["cuda"])
    if "numpy" in states:
        _set_numpy(states["numpy"])


def _listed(numbers: Any) -> list[int]:
    listed: list[int] = numbers.tolist() if hasattr(numbers, "tolist") else numbers
    return listed


def _set_cuda(torch: Any, states: list[Any]) -> None:
    count = torch.cuda.device_count() if states else 0
    if len(states) != count:
        logger().warning("random states of %d CUDA devices, and %d are here", len(states), count)
    for device, state in enumerate(states[:count]):
        torch.cuda.set_rng_state(state, device)


def _set_numpy(state: dict[str, Any]) -> None:
    try:
        numpy = import_module("numpy")
    except ImportError:
        logger().warning("there is a random state of NumPy, which is not installed")
        return
    key = numpy.array(_listed(state["state"]["key"]), dtype=numpy.uint32)
    numpy.random.set_state({**state, "state": {**state["state"], "key": key}})
