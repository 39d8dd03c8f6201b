# SPDX-License-Identifier: MIT
"""Batches on their way to a device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from .convert import to_tensors, torch_apply

Transfer = Callable[[Any], Any]


def transfer_to(device: torch.device | None) -> Transfer:
    """Return what moves a batch of any structure to a device, arrays becoming tensors.

    Args:
        device: Where to; None leaves tensors where they are. A GPU gets a `SideStream`.
    """
    if device is not None and device.type == "cuda":
        return SideStream(device)
    return lambda batch: to_tensors(batch, device)


class SideStream:
    """Copies batches to a GPU beside its work, not after it.

    A batch is copied while the GPU still computes the one before: the copy waits for nothing, and
    what is computed with the batch waits for the copy. From pinned memory Python does not wait
    either. Loaders that the model makes pin theirs; give your own ``pin_memory=True``.

    Args:
        device: The GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch has none

    def __call__(self, batch: Any) -> Any:
        """Return a batch on the device, to be used on the current stream."""
        current = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._stream):
            copied = torch_apply(to_tensors(batch, None), self._copied)
        current.wait_stream(self._stream)
        moved = to_tensors(copied, self._device)  # from other GPUs, in the order of their work
        torch_apply(moved, lambda value: _keep_for(value, current))
        return moved

    def _copied(self, value: Any) -> Any:
        data = value.data if isinstance(value, PackedSequence) else value
        return to_tensors(value, self._device) if data.device.type == "cpu" else value


def _keep_for(value: Tensor | PackedSequence, stream: torch.cuda.Stream) -> None:
    """Let the memory of a value not be used again before *stream* is done with it."""
    if isinstance(value, Tensor):
        value.record_stream(stream)
        return
    for part in (value.data, value.sorted_indices, value.unsorted_indices):
        if part is not None:
            part.record_stream(stream)
