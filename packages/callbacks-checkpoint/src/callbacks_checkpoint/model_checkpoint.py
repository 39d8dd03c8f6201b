# SPDX-License-Identifier: MIT
"""Save the weights of the network."""

from __future__ import annotations

from typing import IO, Any, ClassVar

import torch

from callbacks_core import Logs

from .periodic_save import PeriodicSaveCallback


class ModelCheckpoint(PeriodicSaveCallback):
    """Save the weights of the network at the end of each epoch, or of the best ones only.

    The file holds ``network.state_dict()`` and nothing else; load it with
    ``network.load_state_dict(torch.load(filename, weights_only=True))``. The arguments are those
    of `PeriodicSaveCallback`.
    """

    writes_bytes: ClassVar[bool] = True

    def save_file(self, fd: IO[Any], epoch_number: int, logs: Logs) -> None:
        """Write the weights."""
        torch.save(self.model.network.state_dict(), fd)

    def restore(self, fd: IO[Any]) -> None:
        """Put saved weights back into the network. Nothing in the file can run code."""
        weights = torch.load(fd, map_location="cpu", weights_only=True)
        self.model.network.load_state_dict(weights)
