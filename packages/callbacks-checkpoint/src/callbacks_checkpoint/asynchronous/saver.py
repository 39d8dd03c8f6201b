# SPDX-License-Identifier: MIT
"""Save without making training wait for the disk."""

from __future__ import annotations

import atexit
import os
import weakref
from collections import deque
from collections.abc import Iterator
from threading import Condition, Thread
from time import monotonic
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from torch import Tensor

from callbacks_core import Durability, ModelLike, PathLike, as_path, durable_open, one_of

from ..sealing import About
from ._gate import Gate
from ._memory import HostMemory
from ._snapshot import Content, Snapshot

WhileSaving: TypeAlias = Literal["wait", "skip", "latest"]

_REMEMBERED: Final = 1000  # saves whose end nobody has asked for
_AT_EXIT: Final = 600.0  # seconds that a process waits, at its end, for what is being saved


class EndedSave(NamedTuple):
    """How a save ended.

    Attributes:
        path: The file.
        error: What went wrong, or None.
        is_written: Whether the file is on disk; False also when another save has taken the place
            of this one, which was waiting.
        note: What was given to go with the save.
    """

    path: str
    error: BaseException | None
    is_written: bool
    note: object


class _Save(NamedTuple):
    snapshot: Snapshot | Content
    memory: HostMemory
    path: str
    temporary: PathLike | None
    durability: Durability
    note: object


class AsynchronousSaver:
    """Saves states in the background: training waits for one copy in memory and no more.

    `save` copies the state into host memory that is used again and again, and returns. A thread
    writes the copy as a sealed file, the same as `save_checkpoint` would, and just as durably: the
    file has its name once it is complete and on disk. What fails is raised by the next call. A
    process that ends waits for the file that is being written; one that is killed leaves the old
    file as it was.

    There is one copy of the state in memory however many saves there are; with
    ``while_saving="latest"`` there may be two.

    Args:
        while_saving: What `save` does while an earlier save is still being written: ``"wait"`` for
            it, ``"skip"`` this one, or take the copy and write it afterwards, in place of another
            that is waiting (``"latest"``).

    Raises:
        ValueError: *while_saving* is unknown.
    """

    def __init__(self, *, while_saving: WhileSaving = "wait") -> None:
        one_of("while_saving", while_saving, ("wait", "skip", "latest"))
        self.while_saving = while_saving
        self._start_anew()

    def _start_anew(self) -> None:
        self._process = os.getpid()
        self._gate = Gate()
        self._free = [HostMemory()]
        self._news = Condition()
        self._running: _Save | None = None
        self._waiting: _Save | None = None
        self._ended: deque[EndedSave] = deque(maxlen=_REMEMBERED)

    def prepare(self, state: object) -> None:
        """Get the memory for states like *state*, which makes the first save as fast as others.

        Args:
            state: Tensors and plain types, in dicts, lists and tuples.
        """
        self._leave_parent()
        self.wait()
        Snapshot(state, self._free[0])

    def save(
        self,
        state: object,
        path: PathLike,
        *,
        about: About | None = None,
        overlap: ModelLike | None = None,
        temporary: PathLike | None = None,
        durability: Durability = "fsync",
    ) -> bool:
        """Take a copy of *state*, and have it written to *path*.

        Args:
            state: Tensors and plain types, in dicts, lists and tuples.
            path: The file. Missing parents are made.
            about: What the seal is to tell of the file, such as ``{"epoch": 3}``.
            overlap: The network and the optimizer whose weights and state are saved, to copy these
                beside the next forward and backward pass, so that training hardly waits at all.
                The next step of any optimizer, and a loading into the network, waits until they
                are copied. Buffers, which a forward pass may change, are copied at once. Whoever
                changes weights in other ways must not use this; it is noticed, and the save
                fails, unless it is done through ``.data``.
            temporary: As for `save_checkpoint`.
            durability: As for `save_checkpoint`.

        Returns:
            Whether it is going to be written; False when it was skipped.

        Raises:
            Exception: What an earlier save has raised, with a note that tells its file; nothing
                is begun then.
        """
        as_path("path", path)
        self.check()
        if self.while_saving == "wait":
            self.wait()
        return self.begin(
            state,
            path,
            about=about,
            overlap=overlap,
            temporary=temporary,
            durability=durability,
        )

    def begin(
        self,
        state: object,
        path: PathLike,
        *,
        about: About | None = None,
        overlap: ModelLike | None = None,
        temporary: PathLike | None = None,
        durability: Durability = "fsync",
        note: object = None,
    ) -> bool:
        """Do as `save` does, but leave earlier errors to whoever asks how saves have `ended`.

        The arguments are those of `save`, and *note* is what `ended` is to tell besides.

        Returns:
            Whether it is going to be written; False when it was skipped.
        """
        memory = self._take_memory()
        if memory is None:
            return False
        try:
            late = {} if overlap is None else _changed_by_steps(overlap)
            snapshot = Snapshot(state, memory, about=about, late=late)
        except BaseException:
            self._free.append(memory)
            raise
        if overlap is not None and not snapshot.copies.are_made:
            self._gate.shut(snapshot.copies, overlap.network)
        self._hand_over(_Save(snapshot, memory, os.fspath(path), temporary, durability, note))
        return True

    def begin_bytes(
        self,
        content: bytes,
        path: PathLike,
        *,
        temporary: PathLike | None = None,
        durability: Durability = "fsync",
        note: object = None,
    ) -> bool:
        """Have *content* written as it is; otherwise this is `begin`."""
        memory = self._take_memory()
        if memory is None:
            return False
        save = _Save(Content(content), memory, os.fspath(path), temporary, durability, note)
        self._hand_over(save)
        return True

    def _take_memory(self) -> HostMemory | None:
        """Return memory for a copy as soon as there is some; None when the save is skipped."""
        self._leave_parent()
        with self._news:
            if self._running is not None and self.while_saving == "skip":
                return None
            if self.while_saving == "wait":
                self._news.wait_for(lambda: self._running is None)
            if self._waiting is not None:
                replaced, self._waiting = self._waiting, None
                self._free.append(replaced.memory)
                self._ended.append(EndedSave(replaced.path, None, False, replaced.note))
            return self._free.pop() if self._free else HostMemory()

    def _hand_over(self, save: _Save) -> None:
        with self._news:
            if self._running is not None:
                self._waiting = save
                return
            self._running = save
            _unfinished.add(self)
            name = "callbacks-checkpoint saver"
            Thread(target=self._work, args=(save,), name=name, daemon=True).start()

    def _work(self, save: _Save | None) -> None:
        with self._news:
            pass  # whoever starts this thread goes on first, rather than when it is next idle
        while save is not None:
            error: BaseException | None = None
            try:
                _write(save)
            except BaseException as caught:
                caught.add_note(f"while saving {save.path!r} in the background")
                error = caught
            with self._news:
                self._ended.append(EndedSave(save.path, error, error is None, save.note))
                self._free.append(save.memory)
                self._running, self._waiting = self._waiting, None
                save = self._running
                self._news.notify_all()

    @property
    def is_saving(self) -> bool:
        """Whether a save is being written."""
        return self._process == os.getpid() and self._running is not None

    def ended(self) -> Iterator[EndedSave]:
        """Yield how each save has ended, since it was last asked for, in their order.

        For whoever deals with errors himself: an error that was told here is not raised later, nor
        the other way round.
        """
        self._leave_parent()
        while self._ended:
            yield self._ended.popleft()

    def check(self) -> None:
        """Raise what an earlier save has raised, if one has failed."""
        self._leave_parent()
        for saved in list(self._ended):
            if saved.error is not None:
                self._ended.remove(saved)
                raise saved.error

    def wait(self, timeout: float | None = None) -> None:
        """Wait until everything is on disk.

        Args:
            timeout: How many seconds to wait at most; None for as long as it takes.

        Raises:
            TimeoutError: It took longer; it goes on.
            Exception: What a save has raised.
        """
        self.drain(timeout)
        self.check()

    def drain(self, timeout: float | None = None) -> None:
        """Wait until nothing is being written, and leave errors to whoever asks for them.

        Args:
            timeout: How many seconds to wait at most; None for as long as it takes.

        Raises:
            TimeoutError: It took longer; it goes on.
        """
        self._leave_parent()
        with self._news:
            if not self._news.wait_for(lambda: self._running is None, timeout):
                assert self._running is not None
                raise TimeoutError(
                    f"{self._running.path!r} was not on disk after {timeout:g} seconds"
                )

    def close(self, timeout: float | None = None) -> None:
        """Wait as `wait` does, and let go of the memory; the saver can be used again.

        Args:
            timeout: How many seconds to wait at most; None for as long as it takes.

        Raises:
            TimeoutError: It took longer; it goes on.
            Exception: What a save has raised.
        """
        self.drain(timeout)
        self.release()
        self.check()

    def release(self) -> None:
        """Let go of the memory, and of the hooks that hold back steps; when nothing is written."""
        self._gate.remove()
        self._free = [HostMemory()]

    def _leave_parent(self) -> None:
        """After a fork, leave to the parent process what it saves: its thread is not here."""
        if self._process != os.getpid():
            self._gate.remove()
            self._start_anew()

    def __getstate__(self) -> dict[str, Any]:
        """Pickle and copy the settings alone."""
        return {"while_saving": self.while_saving}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Start with nothing to save."""
        self.while_saving = state["while_saving"]
        self._start_anew()


def _write(save: _Save) -> None:
    save.snapshot.complete()
    durability, temporary = save.durability, save.temporary
    with durable_open(save.path, "wb", temporary=temporary, durability=durability) as file:
        save.snapshot.write(file, sync=durability == "fsync")


def _changed_by_steps(model: ModelLike) -> dict[int, Tensor]:
    """Return the tensors that nothing but the optimizer's step changes, by their storages.

    What is on neither the host nor a CUDA device has no copy that could be late, nor does a tensor
    that does not count its changes.
    """
    optimizer = model.optimizer
    if optimizer is None:
        return {}
    tensors: list[object] = []
    for group in optimizer.param_groups:
        tensors += group["params"]
    for state in optimizer.state.values():
        tensors += state.values()
    found = {
        tensor.untyped_storage()._cdata: tensor
        for tensor in tensors
        if isinstance(tensor, Tensor)
        and (tensor.is_cpu or tensor.is_cuda)
        and not tensor.is_inference()
    }
    for buffer in model.network.buffers():
        found.pop(buffer.untyped_storage()._cdata, None)
    return found


_unfinished: weakref.WeakSet[AsynchronousSaver] = weakref.WeakSet()


@atexit.register
def _finish_all() -> None:
    deadline = monotonic() + _AT_EXIT
    for saver in list(_unfinished):
        if saver.is_saving:
            saver.drain(max(0.0, deadline - monotonic()))
