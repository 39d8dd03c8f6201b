# SPDX-License-Identifier: MIT
"""How one network is trained in one process or in several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, TypeAlias, TypeVar

import torch
from torch.nn import Module
from torch.optim import Optimizer

from callbacks_core import one_of

from ._group import Group, is_launched, local_device

StrategyLike: TypeAlias = "str | Mapping[str, Any] | None"
"""``"auto"``, ``"ddp"``, ``"fsdp"``, None, or a mapping with such a ``"name"`` and options."""

Returned = TypeVar("Returned")
_NAMES: Final = ("auto", "ddp", "fsdp")


class Strategy:
    """One process, which has nobody to agree with.

    Attributes:
        group: The processes that train together; None for a single one.
    """

    group: Group | None = None

    def prepare(self, network: Module) -> None:
        """Make a network ready, before its optimizer is made."""

    def begin(self, network: Module) -> None:
        """Begin a pass over the training batches."""

    def end(self, network: Module) -> None:
        """End it: from here on, the network is the same in all processes."""

    def run(self, function: Callable[..., Returned], *arguments: Any) -> Returned:
        """Call a function that runs the network, so that the gradients become those of all."""
        return function(*arguments)

    def synchronizing(self, wanted: bool) -> AbstractContextManager[Any]:
        """Return the context of a forward and its backward.

        Args:
            wanted: Whether gradients are to be made those of all processes; where further batches
                are added to them, that can wait.
        """
        return nullcontext()

    def average(self, optimizer: Optimizer) -> None:
        """Average the gradients of a step that was run by itself (see `stepping_by_itself`)."""

    def stepping_by_itself(self) -> None:
        """Be told, within `run`, that gradients are computed there already."""


def get_strategy(
    strategy: StrategyLike, device: torch.device | str | int | None
) -> tuple[Strategy, torch.device | str | int | None]:
    """Return the strategy that goes by a name, and the device of this process.

    Args:
        strategy: ``"auto"`` for DDP where there are several processes; ``"ddp"`` or ``"fsdp"``
            for that; or a mapping of such a name under ``"name"`` and options, those of
            `DistributedDataParallel` or of `fully_shard`; or None, to train each process by itself.
            A process that is alone needs none of them.
        device: What was asked for.

    Raises:
        TypeError: *strategy* is none of these.
        ValueError: There is none of that name, or a certain GPU is asked for by several processes.
    """
    from ._replicated import Replicated
    from ._sharded import Sharded

    if strategy is None:
        return Strategy(), device
    if not isinstance(strategy, str | Mapping):
        raise TypeError(
            f"`strategy` must be a name, a mapping with 'name', or None, not {strategy!r}"
        )
    options = dict(strategy) if isinstance(strategy, Mapping) else {"name": strategy}
    name = options.pop("name", None)
    one_of("strategy", name, _NAMES)
    if not is_launched():
        return Strategy(), device
    target = local_device(device)
    group = Group(target)
    return (Sharded if name == "fsdp" else Replicated)(group, options), target
