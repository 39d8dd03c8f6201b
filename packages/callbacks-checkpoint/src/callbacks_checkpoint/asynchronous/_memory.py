# SPDX-License-Identifier: MIT
"""Host memory that holds one copy after another."""

from __future__ import annotations

import ctypes
from typing import Final

import torch
from torch import Tensor

_ROOM: Final = 2**20  # for a history that grows by some hundred bytes with each epoch


class HostMemory:
    """A run of bytes in the host's memory, allocated once for all copies of about a size.

    New memory is slow, as the system clears each page of it on first use: several times as slow
    as the copy itself. Memory that is pinned is what a CUDA device can write to beside its work.
    """

    def __init__(self) -> None:
        self._bytes = torch.empty(0, dtype=torch.uint8)

    def reserve(self, size: int, *, pinned: bool) -> None:
        """Have room for *size* bytes; what was there may be lost.

        Args:
            size: The number of bytes.
            pinned: Whether the memory has to be pinned.
        """
        if len(self._bytes) >= size and (not pinned or self._bytes.is_pinned()):
            return
        self._bytes = torch.empty(0, dtype=torch.uint8)  # let go of the old before the new
        self._bytes = torch.empty(size + _ROOM, dtype=torch.uint8, pin_memory=pinned)

    def touch(self) -> None:
        """Have the system clear its pages now."""
        self._bytes.zero_()

    def tensor(self, start: int, size: int) -> Tensor:
        """Return *size* bytes from *start* on, as a tensor."""
        return self._bytes[start : start + size]

    def view(self, start: int, size: int) -> memoryview:
        """Return *size* bytes from *start* on, for whoever writes them to a file."""
        address = self._bytes.data_ptr() + start
        return memoryview((ctypes.c_char * size).from_address(address)).cast("B")
