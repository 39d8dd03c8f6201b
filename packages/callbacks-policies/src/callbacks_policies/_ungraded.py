# SPDX-License-Identifier: MIT
"""Warn of parameters that are to be clipped and never have a gradient."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Final

import torch

_PATIENCE: Final = 100
"""After so many steps it is told; networks that take turns have long had theirs."""


class Ungraded:
    """Warns once of parameters that had no gradient in any step so far.

    They may be those of another network, made anew since perhaps: clipping them does nothing.

    Args:
        name: The callback's, for the warning.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._steps = 0
        self.over = False  # when there is nothing to look for any more

    def begin(self) -> None:
        """Look again: another training begins."""
        self._steps, self.over = 0, False

    def look(self, parameters: Sequence[torch.Tensor]) -> None:
        """Look at the gradients of a step."""
        self._steps += 1
        if any(parameter.grad is not None for parameter in parameters):
            self.over = True
        elif self._steps >= _PATIENCE:
            self._tell(parameters)

    def end(self, parameters: Sequence[torch.Tensor]) -> None:
        """Tell it at the end of a training that was shorter."""
        if self._steps and not self.over:
            self._tell(parameters)

    def _tell(self, parameters: Sequence[torch.Tensor]) -> None:
        self.over = True
        warnings.warn(
            f"{self._name} clipped nothing: none of its {len(parameters)} parameters had a "
            f"gradient in {self._steps} steps; they may be those of another network than the one "
            f"that is trained, or frozen",
            RuntimeWarning,
            stacklevel=2,
        )
