# SPDX-License-Identifier: MIT
"""Predictions and truths gathered over a pass, in the form the caller asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .convert import concatenate, detach, torch_apply, torch_to_numpy

if TYPE_CHECKING:
    from .distributed import Group


class Outputs:
    """Gathers the outputs of batches on the CPU.

    Args:
        wanted: Whether to keep anything at all.
        concatenate_returns: Whether to join the batches; else they stay a list.
        convert_to_numpy: Whether to return arrays; else tensors on the CPU.
    """

    def __init__(
        self, wanted: bool, *, concatenate_returns: bool = True, convert_to_numpy: bool = True
    ) -> None:
        self.wanted = wanted
        self._concatenate = concatenate_returns
        self._to_numpy = convert_to_numpy
        self._parts: list[Any] = []

    def add(self, value: Any) -> None:
        """Keep the output of a batch, if outputs are wanted."""
        if self.wanted:
            self._parts.append(torch_apply(detach(value), lambda tensor: tensor.cpu()))

    def result(self, group: Group | None = None) -> Any:
        """Return all outputs, joined or as a list of batches.

        Args:
            group: The processes of which each has a share of the outputs, if it is so: each
                returns all of them, one share after the other.

        Raises:
            RuntimeError: Batches are to be joined, and differ in more than their length.
        """
        if group is not None:
            self._parts = [part for parts in group.gather(self._parts) for part in parts]
        gathered = self._joined() if self._concatenate else self._parts
        return torch_to_numpy(gathered) if self._to_numpy else gathered

    def _joined(self) -> Any:
        try:
            return concatenate(self._parts)
        except RuntimeError as error:
            error.add_note("concatenate_returns=False returns the batches as a list")
            raise
