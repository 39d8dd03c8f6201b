# SPDX-License-Identifier: MIT
"""Keep gradients small in relation to the weights."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from callbacks_core import Callback, Logs

from ._checks import finite, positive
from ._parameters import tensors
from ._sharded import gradients_of, local, unit_norms
from ._ungraded import Ungraded


class AdaptiveClip(Callback):
    """Scale the gradient of each unit down to at most a part of the norm of its weights.

    It is what lets networks without batch normalization train with large batches and learning
    rates: what a step may change is bounded by what is there. A unit is a row of a matrix or a
    filter of a convolution, that is, all that leads to one output; a vector such as a bias is one
    unit as a whole. The gradients are clipped once they are complete and unscaled, before the
    optimizer steps. The source leaves the last linear layer out. Parameters may be spread over
    ranks, as `fully_shard` does.

    Args:
        parameters: The parameters whose gradients are clipped.
        clipping: The largest norm of a unit's gradient, as a part of the norm of its weights. The
            source has 0.01 for the largest batches, and up to 0.16 for smaller ones.
        eps: The norm that weights have at least in this relation, so that weights of zero can
            begin to move.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: There are no parameters, or a number is not positive and finite.

    Warns:
        RuntimeWarning: None of the parameters has a gradient, for 100 steps or to the end of a
            shorter training: they may be those of another network.

    References:
        Brock et al., "High-Performance Large-Scale Image Recognition Without Normalization",
        2021, https://arxiv.org/abs/2102.06171
    """

    def __init__(
        self,
        parameters: torch.Tensor | Iterable[torch.Tensor],
        clipping: float = 0.01,
        *,
        eps: float = 1e-3,
    ) -> None:
        self.parameters = tensors(parameters)
        positive("clipping", clipping)
        positive("eps", eps)
        self.clipping, self.eps = finite("clipping", clipping), finite("eps", eps)
        self._ungraded = Ungraded(type(self).__name__)

    def on_train_begin(self, logs: Logs) -> None:
        """Look for gradients anew."""
        self._ungraded.begin()

    def on_train_end(self, logs: Logs) -> None:
        """Tell if there never was one."""
        self._ungraded.end(self.parameters)

    @torch.no_grad()
    def on_backward_end(self, batch_number: int) -> None:
        """Clip."""
        if not self._ungraded.over:
            self._ungraded.look(self.parameters)
        weights = [parameter for parameter in self.parameters if parameter.grad is not None]
        if not weights:
            return
        gradients = gradients_of(weights)
        factors = unit_norms(weights)
        torch._foreach_clamp_min_(factors, self.eps)
        torch._foreach_mul_(factors, self.clipping)
        torch._foreach_div_(factors, unit_norms(gradients))
        torch._foreach_clamp_max_(factors, 1.0)  # a gradient of zero had made it infinite
        torch._foreach_mul_([local(gradient) for gradient in gradients], factors)
