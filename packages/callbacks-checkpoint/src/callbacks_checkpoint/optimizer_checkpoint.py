# SPDX-License-Identifier: MIT
"""Save the state of the optimizer."""

from __future__ import annotations

from typing import Any

from .periodic_state_save import PeriodicStateSave
from .sharded import is_sharded


class OptimizerCheckpoint(PeriodicStateSave):
    """Save the state of the optimizer, such as its moments and learning rates.

    Load it with ``optimizer.load_state_dict(load_checkpoint(filename))``; the trainer has
    ``model.load_optimizer_state(filename)`` for it. The arguments are those of
    `PeriodicSaveCallback`.
    """

    def state_to_save(self) -> Any:
        """Return the optimizer's state.

        Raises:
            RuntimeError: The model has no optimizer.
        """
        optimizer = self._optimizer()
        if not self._has_spread_parameters():
            return optimizer.state_dict()
        from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

        return get_optimizer_state_dict(self.model.network, optimizer)

    def restore_state(self, state: Any) -> None:
        """Put a saved state back into the optimizer."""
        optimizer = self._optimizer()
        if not self._has_spread_parameters():
            optimizer.load_state_dict(state)
            return
        from torch.distributed.checkpoint.state_dict import set_optimizer_state_dict

        set_optimizer_state_dict(self.model.network, optimizer, state)

    def _has_parts(self) -> bool:
        return self._has_spread_parameters()

    def _has_spread_parameters(self) -> bool:
        return is_sharded(list(self.model.network.parameters()))

    def _optimizer(self) -> Any:
        optimizer = self.model.optimizer
        if optimizer is None:
            raise RuntimeError("OptimizerCheckpoint needs a model with an optimizer")
        return optimizer
