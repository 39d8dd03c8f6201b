# SPDX-License-Identifier: MIT
"""Save the weights of the network."""

from __future__ import annotations

from typing import IO, Any, ClassVar

from callbacks_core import Logs

from .checkpoint_file import read_checkpoint, write_checkpoint
from .periodic_save import PeriodicSaveCallback


class ModelCheckpoint(PeriodicSaveCallback):
    """Save the weights of the network at the end of each epoch, or of the best ones only.

    The file holds ``network.state_dict()`` and nothing else, with a seal; load it with
    ``network.load_state_dict(load_checkpoint(filename))``. Plain `torch.load` reads it too, but
    notices no damage. The arguments are those of `PeriodicSaveCallback`.
    """

    writes_bytes: ClassVar[bool] = True

    def save_file(self, fd: IO[Any], epoch_number: int, logs: Logs) -> None:
        """Write the weights."""
        write_checkpoint(self.model.network.state_dict(), fd)

    def restore(self, fd: IO[Any]) -> None:
        """Put saved weights back into the network, if the file is whole."""
        self.model.network.load_state_dict(read_checkpoint(fd))
