# SPDX-License-Identifier: MIT
"""A part of the network in each process: torch's `fully_shard`, known as FSDP2."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from torch import distributed
from torch.nn import Module, ModuleList, Parameter, Sequential
from torch.optim import Optimizer

from ._group import Group
from ._replicated import broadcast_buffers
from ._strategy import Strategy

MIN_PARAMETERS: Final = 100_000
"""A block with fewer numbers is sharded together with what is around it."""


class Sharded(Strategy):
    """Each process keeps a part of every weight; the whole is put together where it is used.

    The blocks, that is the members of every `ModuleList` and `Sequential`, are sharded one by one,
    and what is left with the network itself. A network that was sharded before is left as it is.

    Args:
        group: The processes.
        options: Arguments of `fully_shard`; and ``min_parameters``, how many numbers a block
            must have to be sharded by itself (default: 100,000).
    """

    def __init__(self, group: Group, options: Mapping[str, Any]) -> None:
        self.group = group
        self._options = dict(options)
        self._min_parameters = self._options.pop("min_parameters", MIN_PARAMETERS)
        self._network: Any = None

    def prepare(self, network: Module) -> None:
        """Shard the network, with the weights that rank 0 has."""
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import FSDPModule, fully_shard

        if not any(isinstance(module, FSDPModule) for module in network.modules()):
            for weight in network.parameters():
                distributed.broadcast(weight.data, src=0)
            broadcast_buffers(network)
            device = next(network.parameters()).device.type
            mesh = init_device_mesh(device, (distributed.get_world_size(),))
            options = {"mesh": mesh, **self._options}
            for block in blocks(network, self._min_parameters):
                fully_shard(block, **options)
            fully_shard(network, **options)
        self._network = network

    def end(self, network: Module) -> None:
        """Give all processes the buffers of rank 0, such as the averages of a batch norm."""
        broadcast_buffers(network)

    @contextmanager
    def _apart(self) -> Iterator[None]:
        self._synchronize(False)
        try:
            yield
        finally:
            self._synchronize(True)

    def _synchronize(self, wanted: bool) -> None:
        from torch.distributed.fsdp import FSDPModule

        for module in self._network.modules():
            if isinstance(module, FSDPModule):
                module.set_requires_gradient_sync(wanted, recurse=False)

    def synchronizing(self, wanted: bool) -> AbstractContextManager[Any]:
        """Return the context of a forward and its backward."""
        return super().synchronizing(wanted) if wanted else self._apart()


def blocks(network: Module, min_parameters: int) -> list[Module]:
    """Return the modules to be sharded one by one, inner ones first.

    Those are the members of lists and sequences that have at least *min_parameters* numbers and
    share none of them with another module; of members that hold such members, all.
    """
    owners = Counter(
        id(weight)
        for module in network.modules()
        for weight in module._parameters.values()
        if weight is not None
    )
    found = [
        block
        for module in network.modules()
        if isinstance(module, ModuleList | Sequential)
        for block in module
        if not isinstance(block, ModuleList | Sequential)
        and sum(weight.numel() for weight in block.parameters()) >= max(min_parameters, 1)
        and all(owners[id(weight)] == 1 for weight in block.parameters())
    ]
    return list(dict.fromkeys(reversed(found)))


def swap_parameters(optimizer: Optimizer, old: list[Parameter], new: list[Parameter]) -> None:
    """Have an optimizer train the parameters that took the place of others.

    Args:
        optimizer: The optimizer.
        old: The parameters as they were.
        new: Those in their places.

    Raises:
        ValueError: The optimizer has taken steps already, whose state would not fit.
    """
    places = {id(before): after for before, after in zip(old, new, strict=True)}
    given = [weight for group in optimizer.param_groups for weight in group["params"]]
    if optimizer.state and any(
        weight in optimizer.state for weight in given if id(weight) in places
    ):
        raise ValueError(
            "the optimizer has taken steps already, and its state does not fit a network that is "
            "sharded now: make the model first, and load the optimizer's state then"
        )
    for group in optimizer.param_groups:
        group["params"] = [places.get(id(weight), weight) for weight in group["params"]]
