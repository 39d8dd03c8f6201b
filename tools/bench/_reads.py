# SPDX-License-Identifier: MIT
"""How often a value is read back from the device: each time would make the host wait."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

if TYPE_CHECKING:
    from typing import Self

_SCALAR: Final = torch.ops.aten._local_scalar_dense.default
"""What ``item``, ``float``, ``bool`` and the like end in, whoever calls them."""

_WHOLE: Final = {"tolist", "numpy", "__array__"}
"""What reads a whole tensor, without an operator of its own on the CPU."""


class CountReads:
    """Counts the calls that bring a tensor's values to the host, in a ``with`` statement.

    Attributes:
        reads: How many there were.
    """

    def __init__(self) -> None:
        self.reads = 0
        self._modes = ExitStack()

    def __enter__(self) -> Self:
        """Begin to count."""
        self._modes.enter_context(_Scalars(self))
        self._modes.enter_context(_Wholes(self))
        return self

    def __exit__(self, *_: object) -> None:
        """Count no more."""
        self._modes.close()


class _Scalars(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types for it
    def __init__(self, counter: CountReads) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # nor for this
        self._counter = counter

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Count the operator if it reads a number, and call it."""
        self._counter.reads += function is _SCALAR
        return function(*args, **(kwargs or {}))


class _Wholes(TorchFunctionMode):
    def __init__(self, counter: CountReads) -> None:
        super().__init__()
        self._counter = counter

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Count the function if it reads a tensor, and call it."""
        self._counter.reads += getattr(function, "__name__", "") in _WHOLE
        return function(*args, **(kwargs or {}))


def per_step(steps: int = 1000) -> dict[str, float]:
    """Return the reads of each loop for a step, over one epoch."""
    from _workloads import WORKLOADS, make_batches  # which other frameworks need not import

    batches = make_batches(steps)
    found = {}
    for name, make in WORKLOADS.items():
        loop = make()
        with CountReads() as counter:
            loop(batches)
        found[name] = counter.reads / steps
    return found
