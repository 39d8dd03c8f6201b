# SPDX-License-Identifier: MIT
"""Keep gradients from growing too large."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from callbacks_core import Callback

from ._checks import positive
from ._parameters import tensors


class ClipNorm(Callback):
    """Scale the gradients down so that their common norm is at most *max_norm*.

    It is what keeps recurrent networks and large learning rates from diverging: the direction of
    the step stays. The gradients are clipped once they are complete and unscaled, before the
    optimizer steps, by `torch.nn.utils.clip_grad_norm_`.

    Args:
        parameters: The parameters whose gradients are clipped together.
        max_norm: The largest norm that they may have.
        norm_type: The order of the norm; ``math.inf`` is the largest absolute value.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: There are no parameters, or a number is not positive.
    """

    def __init__(
        self,
        parameters: torch.Tensor | Iterable[torch.Tensor],
        max_norm: float,
        norm_type: float = 2.0,
    ) -> None:
        self.parameters = tensors(parameters)
        self.max_norm = positive("max_norm", max_norm)
        self.norm_type = positive("norm_type", norm_type)

    def on_backward_end(self, batch_number: int) -> None:
        """Clip."""
        clip_grad_norm_(self.parameters, self.max_norm, norm_type=self.norm_type)


class ClipValue(Callback):
    """Cut every element of the gradients to between minus and plus *clip_value*.

    Unlike `ClipNorm` this bends the direction of the step. It uses
    `torch.nn.utils.clip_grad_value_`.

    Args:
        parameters: The parameters whose gradients are clipped.
        clip_value: The largest absolute value that an element may have.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: There are no parameters, or *clip_value* is not positive.
    """

    def __init__(
        self, parameters: torch.Tensor | Iterable[torch.Tensor], clip_value: float
    ) -> None:
        self.parameters = tensors(parameters)
        self.clip_value = positive("clip_value", clip_value)

    def on_backward_end(self, batch_number: int) -> None:
        """Clip."""
        if any(parameter.grad is not None for parameter in self.parameters):  # torch fails on none
            clip_grad_value_(self.parameters, self.clip_value)
