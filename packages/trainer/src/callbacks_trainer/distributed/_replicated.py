# SPDX-License-Identifier: MIT
"""The same network in every process: torch's `DistributedDataParallel`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import torch
from torch import distributed
from torch.nn import Module
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from ._group import Group
from ._strategy import Strategy

Returned = TypeVar("Returned")


class Replicated(Strategy):
    """Each process has the whole network, and gradients are averaged while they are computed.

    The wrapper stays in here: nobody else sees it. It is made anew when other weights are to be
    trained than before, as after a freeze.

    Args:
        group: The processes.
        options: Arguments of `DistributedDataParallel`.
    """

    def __init__(self, group: Group, options: Mapping[str, Any]) -> None:
        self.group = group
        self._options = options
        self._wrapper: DistributedDataParallel | None = None
        self._trained: list[int] = []

    def begin(self, network: Module) -> None:
        """Wrap the network, if that was not done yet; at first, all get the weights of rank 0."""
        trained = [id(weight) for weight in network.parameters() if weight.requires_grad]
        if trained == self._trained:
            return
        self._trained, self._wrapper = trained, None
        if trained:
            self._wrapper = DistributedDataParallel(_Running(network), **self._options)

    def end(self, network: Module) -> None:
        """Give all processes the buffers of rank 0, such as the averages of a batch norm."""
        broadcast_buffers(network)

    def run(self, function: Callable[..., Returned], *arguments: Any) -> Returned:
        """Call a function that runs the network, so that the gradients become those of all."""
        if self._wrapper is None:
            return function(*arguments)
        before = self._wrapper.require_backward_grad_sync
        try:
            result: Returned = self._wrapper(function, *arguments)
        finally:
            self._wrapper.require_backward_grad_sync = before
        return result

    def synchronizing(self, wanted: bool) -> AbstractContextManager[Any]:
        """Return the context of a forward and its backward."""
        if wanted or self._wrapper is None:
            return nullcontext()
        return self._wrapper.no_sync()

    def stepping_by_itself(self) -> None:
        """Let the wrapper wait for no gradients: they are averaged by hand."""
        if self._wrapper is not None:
            self._wrapper.require_backward_grad_sync = False

    def average(self, optimizer: Optimizer) -> None:
        """Average the gradients that an optimizer is going to use."""
        for group in optimizer.param_groups:
            for weight in group["params"]:
                if weight.requires_grad:
                    _average(weight, self._size)

    @property
    def _size(self) -> int:
        return distributed.get_world_size()

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle without the wrapper; a copy makes its own."""
        return {**vars(self), "_wrapper": None, "_trained": []}


class _Running(Module):
    """A network of which any function can be run as though it were the forward."""

    def __init__(self, network: Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)


def _average(weight: torch.nn.Parameter, size: int) -> None:
    if weight.grad is None:
        weight.grad = torch.zeros_like(weight)  # another process may have one
    distributed.all_reduce(weight.grad)
    weight.grad.div_(size)


def broadcast_buffers(network: Module) -> None:
    """Give all processes the buffers of rank 0."""
    for buffer in network.buffers():
        if buffer.numel():
            distributed.broadcast(buffer.detach(), src=0)
