# SPDX-License-Identifier: MIT
"""A second set of a network's tensors, which can take the place of the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

MultiAverage: TypeAlias = Callable[[list[Tensor], list[Tensor], int], None]
"""Moves averaged tensors towards the current ones, given the number of averages before."""


class Average:
    """The averaged weights of a network.

    They are averaged by the functions of `torch.optim.swa_utils`, but not within its
    `AveragedModel`: that one copies the modules, which those that `fully_shard` was applied to do
    not allow, and waits for the device at each update.

    Args:
        network: The network.
        average: What averages, in place, tensors that are all of one device and dtype.
        buffers: Whether there is a second set of the buffers too.
        average_buffers: Whether that is averaged; otherwise it follows the network's, until
            `keep_buffers` is called.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        average: MultiAverage,
        *,
        buffers: bool = False,
        average_buffers: bool = False,
    ) -> None:
        self.network = network
        self.updates = 0
        self._average = average
        weights: list[Tensor] = list(network.parameters())
        self._buffers = list(network.buffers()) if buffers else []
        self._live = weights + self._buffers
        self._averaged = [tensor.detach().clone() for tensor in self._live]
        self._kept = self._averaged[len(weights) :]
        moving = len(self._live) if average_buffers else len(weights)
        self._follow = not average_buffers
        self._groups = _alike(self._averaged[:moving], self._live[:moving])
        self._backup: list[Tensor] | None = None

    @property
    def is_in(self) -> bool:
        """Whether the network has the averaged weights at the moment."""
        return self._backup is not None

    @torch.no_grad()
    def update(self) -> None:
        """Take the network's present weights into the average; the first ones are copied."""
        if self.updates == 0:
            _copy(self._live, self._averaged)
        else:
            for averaged, live in self._groups:
                self._average(averaged, live, self.updates)
            if self._follow:
                self.keep_buffers()
        self.updates += 1

    @torch.no_grad()
    def put_in(self) -> None:
        """Give the network the averaged weights; its own are kept."""
        if self._backup is None:
            self._backup = [tensor.detach().clone() for tensor in self._live]
            _copy(self._averaged, self._live)

    @torch.no_grad()
    def take_out(self) -> None:
        """Give the network its own weights back, also when `put_in` has broken off."""
        if self._backup is not None:
            _copy(self._backup, self._live)
            self._backup = None

    def leave_in(self) -> None:
        """Leave the averaged weights in the network for good."""
        self.put_in()
        self._backup = None

    @torch.no_grad()
    def keep_buffers(self) -> None:
        """Make the network's present buffers those that belong to the averaged weights."""
        _copy(self._buffers, self._kept)

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the averaged tensors and the number of updates."""
        return {
            "updates": self.updates,
            "tensors": [tensor.detach().clone() for tensor in self._averaged],
        }

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up averaged tensors.

        Raises:
            ValueError: They are those of another network.
        """
        found, expected = state["tensors"], self._averaged
        if [tensor.shape for tensor in found] != [tensor.shape for tensor in expected]:
            raise ValueError(
                f"the averaged weights in the state are those of another network: {_sizes(found)}, "
                f"where this one has {_sizes(expected)}"
            )
        _copy(found, expected)
        self.updates = int(state["updates"])


def _alike(
    averaged: Sequence[Tensor], live: Sequence[Tensor]
) -> list[tuple[list[Tensor], list[Tensor]]]:
    groups: dict[object, tuple[list[Tensor], list[Tensor]]] = {}
    for mean, tensor in zip(averaged, live, strict=True):
        means, tensors = groups.setdefault((type(mean), mean.device, mean.dtype), ([], []))
        means.append(mean)
        tensors.append(tensor)
    return list(groups.values())


def _copy(source: Sequence[Tensor], target: Sequence[Tensor]) -> None:
    for tensor, value in zip(target, source, strict=True):
        tensor.copy_(value)


def _sizes(tensors: Sequence[Tensor]) -> str:
    return f"{len(tensors)} tensors of {sum(tensor.numel() for tensor in tensors)} numbers"
