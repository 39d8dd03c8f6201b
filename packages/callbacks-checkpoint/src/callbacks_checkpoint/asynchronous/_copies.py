# SPDX-License-Identifier: MIT
"""Copies of tensors to the host: those made at once, and those that may take their time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Event, Lock
from typing import NamedTuple

import torch
from torch import Tensor, UntypedStorage

from ._memory import HostMemory
from ._structure import ChangedTensorError


class _Copy(NamedTuple):
    source: UntypedStorage
    start: int


class Copies:
    """Copies to the host's memory, of which some are made beside training.

    A copy from the host's own memory is made late by `finish`, in whatever thread calls it. One
    from a CUDA device is queued in a stream of its own. In both cases `hold_back` makes training
    wait before it changes what is not copied yet. Should it be changed all the same, in place and
    behind no optimizer's step, `finish` notices: tensors count their changes.

    Args:
        memory: Where the copies go.
        late: The tensors whose memory may be copied late, by the addresses of their storages.
        on_cuda: Whether any of what is to be copied is on a CUDA device.
    """

    def __init__(
        self, memory: HostMemory, late: Mapping[int, Tensor], *, on_cuda: bool = True
    ) -> None:
        self._memory = memory
        self._on_cuda = on_cuda
        self._late = list(late.values())
        self._versions = [tensor._version for tensor in self._late]
        self._now: list[_Copy] = []
        self._later: list[_Copy] = []
        self._events: list[tuple[torch.cuda.Stream, torch.cuda.Event]] = []
        self._done = Event()
        self._check = Lock()
        self._checked = self._torn = False

    def add(self, source: UntypedStorage, start: int, *, late: bool) -> None:
        """Add a copy to be made.

        Args:
            source: What to copy, on any device.
            start: Where in the memory it begins.
            late: Whether it may be made late.
        """
        (self._later if late else self._now).append(_Copy(source, start))

    def start(self) -> None:
        """Make the copies that cannot wait, and begin with the others."""
        with torch.no_grad():
            devices = {self._make(copy, beside=self._on_cuda) for copy in self._now}
            on_cuda = [copy for copy in self._later if self._on_cuda and copy.source.is_cuda]
            for device in {copy.source.device for copy in on_cuda}:
                self._queue([copy for copy in on_cuda if copy.source.device == device], device)
        for device in devices:
            if device.type == "cuda":
                torch.cuda.current_stream(device).synchronize()
        if on_cuda:
            self._later = [copy for copy in self._later if not copy.source.is_cuda]
        self._now = []
        if not self._later and not self._events:
            self._done.set()

    def _queue(self, copies: Iterable[_Copy], device: torch.device) -> None:
        stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch has no types for it
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            for copy in copies:
                self._make(copy, beside=True)
            self._events.append((stream, stream.record_event()))

    def _make(self, copy: _Copy, *, beside: bool = False) -> torch.device:
        size, device = copy.source.nbytes(), copy.source.device
        source = torch.empty(0, dtype=torch.uint8, device=device).set_(copy.source)
        self._memory.tensor(copy.start, size).copy_(source, non_blocking=beside)
        return device

    @property
    def are_made(self) -> bool:
        """Whether all copies are made."""
        return self._done.is_set()

    def hold_back(self) -> None:
        """Make the caller, or its CUDA streams, wait until all copies are made."""
        if self._done.is_set():
            return
        if self._later:
            self._done.wait()
            return
        self._compare_versions()
        for stream, event in self._events:
            torch.cuda.current_stream(stream.device).wait_event(event)

    def finish(self) -> None:
        """Make the late copies.

        Raises:
            ChangedTensorError: What was to be copied has changed meanwhile.
        """
        try:
            with torch.no_grad():
                for copy in self._later:
                    self._make(copy)
            for _, event in self._events:
                event.synchronize()
            self._compare_versions()
        finally:
            self._later = []
            self._late = []
            self._done.set()
        if self._torn:
            raise ChangedTensorError(
                "a tensor was changed in place, and not by an optimizer's step, while it was "
                "being copied beside training; save without overlap, or change it later"
            )

    def _compare_versions(self) -> None:
        """Find out, the first time, whether a tensor has changed since the beginning."""
        with self._check:
            if self._checked:
                return
            self._checked = True
            now = [tensor._version for tensor in self._late]
            self._torn = now != self._versions
