# SPDX-License-Identifier: MIT
"""Images with their channels last, which convolutions like best."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from .convert import torch_apply


def to_channels_last(value: Any) -> Any:
    """Return a nest with its tensors of four dimensions laid out with the channels last.

    Shapes and values stay what they are.
    """
    return torch_apply(value, _converted)


def convert_network(network: Module) -> None:
    """Lay out the weights of convolutions with the channels last; they stay the same objects."""
    for tensor in (*network.parameters(), *network.buffers()):
        tensor.data = _converted(tensor.data)


def _converted(value: Any) -> Any:
    if not isinstance(value, Tensor) or value.dim() != 4:
        return value  # a PackedSequence comes here too
    return value.contiguous(memory_format=torch.channels_last)
