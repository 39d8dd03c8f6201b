# SPDX-License-Identifier: MIT
"""A state as it was at one moment, held in the host's memory."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import accumulate
from types import MappingProxyType
from typing import IO, Final

from torch import Tensor

from ..sealing import About, write_all
from ._archive import ArchiveWriter
from ._copies import Copies
from ._early_sync import EarlySync, make_room
from ._memory import HostMemory
from ._structure import Structure

_ALIGNMENT: Final = 64
_NOTHING: Final[Mapping[int, Tensor]] = MappingProxyType({})


class Snapshot:
    """A copy of a state, made at the cost of one pass over its tensors.

    Tensors that look at the same memory still do so in the file. Those named as *late* need not
    be copied yet when this returns: `copies` says when they are.

    Args:
        state: Tensors and plain types, in dicts, lists and tuples.
        memory: Where the copy is kept.
        about: What the seal is to tell of the file.
        late: Tensors of the state that can be copied later, since nobody changes them until then,
            by the addresses of their storages.

    Attributes:
        copies: The copies that are made later.
    """

    def __init__(
        self,
        state: object,
        memory: HostMemory,
        *,
        about: About | None = None,
        late: Mapping[int, Tensor] = _NOTHING,
    ) -> None:
        self._memory = memory
        self._about = about
        self._structure = Structure(state)
        storages = self._structure.storages
        self._sizes = [storage.nbytes() for storage in storages.values()]
        self._starts = list(accumulate(map(_aligned, self._sizes), initial=0))
        on_cuda = self._structure.on_cuda
        memory.reserve(self._starts[-1], pinned=on_cuda)
        self.copies = Copies(memory, late, on_cuda=on_cuda)
        for (address, storage), start in zip(storages.items(), self._starts, strict=False):
            self.copies.add(storage, start, late=address in late)
        self.copies.start()

    def complete(self) -> None:
        """Make the copies that are late.

        Raises:
            ChangedTensorError: What was to be copied has changed meanwhile.
        """
        self.copies.finish()
        self._structure.pickled()
        self._structure.storages.clear()  # let go of the tensors

    def write(self, file: IO[bytes], *, sync: bool = True) -> None:
        """Write the state, once `complete` was called, to a file that `torch.load` reads.

        Args:
            file: A file in a binary mode, empty so far.
            sync: Whether to have a large file brought to disk while it is written.

        Raises:
            OSError: The file cannot be written.
        """
        early = EarlySync(file)
        make_room(file, self._starts[-1])

        def write(part: memoryview) -> None:
            write_all(file, part)
            if sync:
                early.written(len(part))

        try:
            self._write_archive(ArchiveWriter(write, about=self._about))
        finally:
            early.finish()

    def _write_archive(self, archive: ArchiveWriter) -> None:
        archive.add("archive/data.pkl", self._structure.pickled())
        archive.add("archive/byteorder", sys.byteorder.encode())
        for key, size in enumerate(self._sizes):
            archive.add(f"archive/data/{key}", self._memory.view(self._starts[key], size))
        archive.add("archive/version", b"3\n")
        archive.finish()


class Content:
    """What is written as it is.

    Args:
        content: The bytes of the file.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content

    def complete(self) -> None:
        """Do nothing: it is complete."""

    def write(self, file: IO[bytes], *, sync: bool = True) -> None:
        """Write it; bringing it to disk is up to whoever opened the file."""
        file.write(self._content)


def _aligned(size: int) -> int:
    return size + -size % _ALIGNMENT
