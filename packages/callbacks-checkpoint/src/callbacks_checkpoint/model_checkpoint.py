# SPDX-License-Identifier: MIT
"""Save the weights of the network."""

from __future__ import annotations

from typing import Any

from .periodic_state_save import PeriodicStateSave


class ModelCheckpoint(PeriodicStateSave):
    """Save the weights of the network at the end of each epoch, or of the best ones only.

    The file holds ``network.state_dict()`` and nothing else, with a seal; load it with
    ``network.load_state_dict(load_checkpoint(filename))``. Plain `torch.load` reads it too, but
    notices no damage. The arguments are those of `PeriodicSaveCallback`.
    """

    def state_to_save(self) -> Any:
        """Return the weights."""
        return self.model.network.state_dict()

    def restore_state(self, state: Any) -> None:
        """Put saved weights back into the network."""
        self.model.network.load_state_dict(state)
