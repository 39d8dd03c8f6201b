# SPDX-License-Identifier: MIT
"""What must not go on while tensors are being copied beside training."""

from __future__ import annotations

import weakref
from typing import Any

from torch.nn import Module
from torch.optim.optimizer import register_optimizer_step_pre_hook

from ._copies import Copies


class Gate:
    """Holds back every optimizer's step, and loading into a network, until copies are made.

    The hooks for it are there from the first time that the gate is shut until `remove`.
    """

    def __init__(self) -> None:
        self._copies: Copies | None = None
        self._step_handle: Any = None
        self._network_handle: Any = None
        self._network: weakref.ref[Module] | None = None

    def shut(self, copies: Copies, network: Module) -> None:
        """Hold back whoever comes until *copies* are made."""
        self._copies = copies
        if self._step_handle is None:
            self._step_handle = register_optimizer_step_pre_hook(self._wait)
        if self._network is None or self._network() is not network:
            if self._network_handle is not None:
                self._network_handle.remove()
            self._network_handle = network.register_load_state_dict_pre_hook(self._wait)  # type: ignore[no-untyped-call]  # torch has no types for it
            self._network = weakref.ref(network)

    def _wait(self, *_: object) -> None:
        copies, self._copies = self._copies, None
        if copies is not None:
            copies.hold_back()

    def remove(self) -> None:
        """Hold back nobody any more."""
        for handle in (self._step_handle, self._network_handle):
            if handle is not None:
                handle.remove()
        self.__init__()  # type: ignore[misc]  # as it was at first
