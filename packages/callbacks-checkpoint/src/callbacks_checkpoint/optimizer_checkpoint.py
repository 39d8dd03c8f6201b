# SPDX-License-Identifier: MIT
"""Save the state of the optimizer."""

from __future__ import annotations

from typing import Any

from .periodic_state_save import PeriodicStateSave


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
        return self._optimizer().state_dict()

    def restore_state(self, state: Any) -> None:
        """Put a saved state back into the optimizer."""
        self._optimizer().load_state_dict(state)

    def _optimizer(self) -> Any:
        optimizer = self.model.optimizer
        if optimizer is None:
            raise RuntimeError("OptimizerCheckpoint needs a model with an optimizer")
        return optimizer
