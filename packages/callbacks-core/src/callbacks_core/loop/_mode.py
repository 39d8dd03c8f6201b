# SPDX-License-Identifier: MIT
"""Training and evaluation mode, put back as they were."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.nn import Module


class NetworkMode:
    """Remembers which modules are in training mode, and whether gradients are recorded.

    Args:
        network: The network to put into one mode and back.
    """

    __slots__ = ("_flags", "_gradients", "_network")

    def __init__(self, network: Module) -> None:
        self._network = network
        self._flags = [(module, module.training) for module in network.modules()]
        self._gradients: bool = sys.modules["torch"].is_grad_enabled()

    def train(self) -> None:
        """Put the whole network into training mode."""
        self._network.train()

    def evaluate(self) -> None:
        """Put the whole network into evaluation mode, and stop recording gradients."""
        self._network.eval()
        sys.modules["torch"].set_grad_enabled(False)

    def restore(self) -> None:
        """Put every module, and the recording of gradients, back as they were."""
        for module, training in self._flags:
            module.training = training
        sys.modules["torch"].set_grad_enabled(self._gradients)
