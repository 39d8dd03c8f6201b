# SPDX-License-Identifier: MIT
"""How often a value is read back from the device: each time would make the host wait."""

from __future__ import annotations

from typing import Any

from _workloads import WORKLOADS, make_batches
from torch.overrides import TorchFunctionMode

_READING = {"item", "tolist", "numpy", "cpu", "__float__", "__int__", "__bool__", "__index__"}


class CountReads(TorchFunctionMode):
    """Counts the calls that bring a tensor's values to the host."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Count the call if it reads, and make it."""
        self.reads += getattr(function, "__name__", "") in _READING
        return function(*args, **(kwargs or {}))


def per_step(steps: int = 1000) -> dict[str, float]:
    """Return the reads of each loop for a step, over one epoch."""
    batches = make_batches(steps)
    found = {}
    for name, make in WORKLOADS.items():
        loop = make()
        with CountReads() as counter:
            loop(batches)
        found[name] = counter.reads / steps
    return found
