# SPDX-License-Identifier: MIT
"""The methods of a model that take, set, save and load its state."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ._base import ModelBase, required
from .distributed import copied, load_optimizer_state, load_weights, on_rank_zero, whole
from .state import FileLike, load_state, save_state


class WeightMethods(ModelBase):
    """Weights and the optimizer's state: in memory and on disk.

    Where several processes train together, rank zero alone writes files. What they hold is whole,
    and so is what is loaded, though each process may have a part of it only: all of them have to
    call these methods.
    """

    def get_weights(self) -> dict[str, Tensor]:
        """Return the network's weights themselves: they change as it is trained."""
        return self.network.state_dict()

    def get_weight_copies(self) -> dict[str, Tensor]:
        """Return copies of the network's weights, on the CPU."""
        return {
            name: copied(value) if isinstance(value, Tensor) else copy.deepcopy(value)
            for name, value in self.network.state_dict().items()
        }

    def set_weights(self, weights: Mapping[str, Any], *, strict: bool = True) -> Any:
        """Copy weights into the network.

        Args:
            weights: What `get_weights` or `get_weight_copies` returned.
            strict: Whether the names must be exactly the network's.

        Returns:
            The names that were missing and those that were unexpected.

        Raises:
            RuntimeError: Names or shapes do not fit.
            TypeError: *weights* is no mapping.
        """
        if not isinstance(weights, Mapping):
            raise TypeError(
                f"`weights` must be a mapping of names to tensors, as get_weights() returns, "
                f"not {type(weights).__name__}"
            )
        return load_weights(self.network, weights, strict=strict)

    def save_weights(self, file: FileLike) -> None:
        """Save the network's weights; a path is replaced as a whole and durably.

        Args:
            file: A path, or a file open for writing.

        Raises:
            OSError: The file cannot be written.
        """
        state = whole(self.network.state_dict())
        on_rank_zero(self.strategy.group, lambda: save_state(state, file))

    def load_weights(self, file: FileLike, *, strict: bool = True) -> Any:
        """Load weights into the network; code in the file is never run.

        Args:
            file: A path, or a file open for reading.
            strict: Whether the names must be exactly the network's.

        Returns:
            The names that were missing and those that were unexpected.

        Raises:
            FileNotFoundError: There is no such file.
            RuntimeError: Names or shapes do not fit.
            pickle.UnpicklingError: The file holds something other than weights.
        """
        return self.set_weights(load_state(file), strict=strict)

    def get_optimizer_state(self) -> dict[str, Any]:
        """Return the optimizer's state itself.

        Raises:
            ValueError: There is no optimizer.
        """
        return required(self.optimizer, "an optimizer").state_dict()

    def set_optimizer_state(self, state: dict[str, Any]) -> None:
        """Take up a state of the optimizer.

        Raises:
            ValueError: There is no optimizer, or its parameter groups do not fit.
        """
        optimizer = required(self.optimizer, "an optimizer")
        missing = [key for key in optimizer.state_dict() if key not in state]
        if missing:
            raise ValueError(f"this is no state of the optimizer: it has no {missing[0]!r}")
        load_optimizer_state(optimizer, state)

    def save_optimizer_state(self, file: FileLike) -> None:
        """Save the optimizer's state; a path is replaced as a whole and durably.

        Raises:
            OSError: The file cannot be written.
            ValueError: There is no optimizer.
        """
        state = whole(self.get_optimizer_state())
        on_rank_zero(self.strategy.group, lambda: save_state(state, file))

    def load_optimizer_state(self, file: FileLike) -> None:
        """Load the optimizer's state; code in the file is never run.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: There is no optimizer, or its parameter groups do not fit.
            pickle.UnpicklingError: The file holds something other than a state.
        """
        self.set_optimizer_state(load_state(file))
