# SPDX-License-Identifier: MIT
"""A second set of a network's tensors, which can take the place of the first."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

MultiAverage: TypeAlias = Callable[[Any, Any, Any], None]
"""Moves averaged tensors towards the current ones, given the number of averages before."""


class Average:
    """The averaged weights of a network, kept by torch's own `AveragedModel`.

    That one is given the tensors alone, not the modules: so it works with networks that cannot be
    copied, such as those that `fully_shard` has been applied to.

    Args:
        network: The network, whose present weights are the first average.
        average: What averages, in place.
        buffers: Whether there is a second set of the buffers too.
        average_buffers: Whether that is averaged; otherwise it is what `keep_buffers` was told.
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
        self._live = _Tensors(network, buffers=buffers)
        self._model = AveragedModel(self._live, multi_avg_fn=average, use_buffers=average_buffers)
        self._backup: list[Tensor] | None = None

    @property
    def is_in(self) -> bool:
        """Whether the network has the averaged weights at the moment."""
        return self._backup is not None

    @torch.no_grad()
    def update(self) -> None:
        """Take the network's present weights into the average."""
        self._model.update_parameters(self._live)

    @torch.no_grad()
    def put_in(self) -> None:
        """Give the network the averaged weights; its own are kept."""
        if self._backup is None:
            self._backup = [tensor.detach().clone() for tensor in _all(self._live)]
            _copy(self._model.module, self._live)

    @torch.no_grad()
    def take_out(self) -> None:
        """Give the network its own weights back, also when `put_in` has broken off."""
        if self._backup is not None:
            for tensor, value in zip(_all(self._live), self._backup, strict=True):
                tensor.copy_(value)
            self._backup = None

    def leave_in(self) -> None:
        """Leave the averaged weights in the network for good."""
        self.put_in()
        self._backup = None

    @torch.no_grad()
    def keep_buffers(self) -> None:
        """Make the network's present buffers those that belong to the averaged weights."""
        for kept, buffer in zip(self._model.module.buffers(), self._live.buffers(), strict=True):
            kept.copy_(buffer)

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the averaged weights and the number of averages."""
        return deepcopy(dict(self._model.state_dict()))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up averaged weights.

        Raises:
            ValueError: They are those of another network.
        """
        try:
            self._model.load_state_dict(state)
        except RuntimeError as error:
            raise ValueError(
                f"the averaged weights in the state are those of another network: {error}"
            ) from error


class _Tensors(torch.nn.Module):
    """The parameters and buffers of a network, without its modules."""

    def __init__(self, network: torch.nn.Module, *, buffers: bool) -> None:
        super().__init__()
        self.weights = torch.nn.ParameterList(network.parameters())
        for number, buffer in enumerate(network.buffers() if buffers else ()):
            self.register_buffer(f"buffer_{number}", buffer)


def _all(tensors: torch.nn.Module) -> list[Tensor]:
    return [*tensors.parameters(), *tensors.buffers()]


def _copy(source: torch.nn.Module, target: torch.nn.Module) -> None:
    for tensor, value in zip(_all(target), _all(source), strict=True):
        tensor.copy_(value)
