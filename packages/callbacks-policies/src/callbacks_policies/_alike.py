# SPDX-License-Identifier: MIT
"""Clipping by the norm of gradients that are all of one device and dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

_KINDS: Final = (Tensor, torch.nn.Parameter)
_DEVICES: Final = ("cpu", "cuda")


def are_alike(parameters: Sequence[Tensor]) -> bool:
    """Whether parameters are plain, and of one device and dtype, which treats many at a time."""
    first = parameters[0]
    return first.device.type in _DEVICES and all(
        type(one) in _KINDS and one.device == first.device and one.dtype == first.dtype
        for one in parameters
    )


@torch.no_grad()
def clip_alike_norm_(parameters: Sequence[Tensor], max_norm: float, norm_type: float) -> Tensor:
    """Do what ``clip_grad_norm_(foreach=True)`` does, bit for bit.

    That one sorts the gradients by device and dtype, twice in each step.
    """
    gradients = [one.grad for one in parameters if one.grad is not None]
    if not gradients:
        return torch.tensor(0.0)
    norms = torch._foreach_norm(gradients, norm_type)
    norm: Tensor = torch.linalg.vector_norm(torch.stack(norms), norm_type)
    torch._foreach_mul_(gradients, (max_norm / (norm + 1e-6)).clamp_(max=1.0))
    return norm
