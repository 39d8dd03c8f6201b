# SPDX-License-Identifier: MIT
"""What a callback may ask of the thing that is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch.nn import Module
    from torch.optim import Optimizer


@runtime_checkable
class ModelLike(Protocol):
    """The three members behind ``callback.model``; a callback of this project needs no more."""

    stop_training: bool
    """Set this to True to end training after the running batch."""

    @property
    def network(self) -> Module:
        """The network whose weights are trained."""

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer that trains it, or None when nothing is being trained."""


class SimpleModel:
    """A network with its optimizer: all a callback needs when there is no trainer.

    Args:
        network: The network whose weights are trained.
        optimizer: The optimizer that trains it; may be left out for evaluation.
    """

    def __init__(self, network: Module, optimizer: Optimizer | None = None) -> None:
        self.stop_training = False
        self._network = network
        self._optimizer = optimizer

    @property
    def network(self) -> Module:
        """The network whose weights are trained."""
        return self._network

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer that trains it, or None when nothing is being trained."""
        return self._optimizer
