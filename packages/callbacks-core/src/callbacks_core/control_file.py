# SPDX-License-Identifier: MIT
"""Steer a running training from a shell."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any, Final, TypeAlias

from ._logger import logger
from .callback import Callback, FailurePolicy
from .errors import did_you_mean, whole_number
from .files import PathLike, as_path
from .logs import Logs
from .rank import is_rank_zero, world_size
from .signals import a_signal_waits
from .stopping import stop_training

_TAKEN: Final = ".taken"
_PAUSE: Final = 0.2  # seconds between two looks while training waits

_Look: TypeAlias = "tuple[list[str], bool]"
"""The lines that were found, and whether a signal ends a pause."""
_Share: TypeAlias = Callable[[_Look], _Look]


class ControlFile(Callback):
    """Do what is written into a file, at the end of the running batch.

    ::

        echo "stop" > control            # after this epoch, which is validated and saved as ever
        echo "stop now" > control        # after this batch
        echo "save" > control            # now: for savers with the trigger OnControl(control)
        echo "lr 0.001" > control        # of all parameter groups; "lr *0.1" for a tenth of it
        echo "pause" > control           # until "resume", or a stop
        echo "resume" > control

    There may be several lines. What is done, and what is not understood, is told in the log; the
    file is removed. One that was there before training began is removed unread. A line counts once
    its end is written, so that no half of it is read.

    Where several processes train together, the first one reads, and all do the same after the same
    batch: every *agree_every* batches they ask it, through the processor's memory, and wait for no
    device.

    A learning rate that a schedule works out from the last one goes on from the new one; a schedule
    with a formula of its own, such as a one-cycle, sets its own again.

    Args:
        path: The file.
        look_every: The seconds between two looks at it; 0 looks after each batch. A single process
            needs nothing else.
        agree_every: With several processes, how many batches lie between two looks.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *path* is empty, or a number is out of range.

    Attributes:
        save_requests: How many saves were asked for so far.
    """

    on_error: FailurePolicy = "warn"

    def __init__(self, path: PathLike, *, look_every: float = 1.0, agree_every: int = 10) -> None:
        as_path("path", path)
        if isinstance(look_every, bool) or not isinstance(look_every, int | float):
            raise TypeError(f"`look_every` must be a number of seconds, not {look_every!r}")
        if not 0 <= look_every < math.inf:
            raise ValueError(f"`look_every` must be 0 or more, and finite, not {look_every!r}")
        self.path = os.fspath(path)
        self.look_every = look_every
        whole_number("agree_every", agree_every, at_least=1)
        self.agree_every = agree_every
        self.save_requests = 0
        self._next_look = 0.0
        self._stop_after_epoch = False
        self._paused = False
        self._share: _Share = _alone

    def on_train_begin(self, logs: Logs) -> None:
        """Remove what was meant for an earlier training."""
        self._stop_after_epoch = self._paused = False
        self._next_look = monotonic() + self.look_every
        self._share = _sharing() if world_size() > 1 else _alone
        stale = self._take() if is_rank_zero() else []
        if stale:
            logger().warning("what was in %r before training began is not done", self.path)

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Look, if it is time, and wait while training is paused."""
        if self._share is not _alone:
            if batch_number % self.agree_every:
                return
        elif monotonic() < self._next_look:
            return
        self._look()

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Look, and stop if that was asked for."""
        self._look()
        if self._stop_after_epoch:
            self._stop_after_epoch = False
            stop_training(self.model, "the control file asked for it")

    def _look(self) -> None:
        while True:
            look = (self._take(), a_signal_waits()) if is_rank_zero() else ([], False)
            commands, signalled = self._share(look)
            for command in commands:
                self._obey(command)
            self._next_look = monotonic() + self.look_every
            if not self._paused or self.model.stop_training or signalled:
                return
            sleep(_PAUSE)

    def _take(self) -> list[str]:
        """Return the lines of the file, and remove it; nothing while it is being written."""
        try:
            with open(self.path, encoding="utf-8", errors="replace") as file:
                if not file.read().endswith("\n"):
                    return []
            os.replace(self.path, self.path + _TAKEN)  # what comes now is another file
            with open(self.path + _TAKEN, encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
            os.unlink(self.path + _TAKEN)
        except FileNotFoundError:
            return []
        return [line.strip() for line in lines if line.strip()]

    def _obey(self, command: str) -> None:
        word, _, value = command.partition(" ")
        known: dict[str, Callable[[str], str]] = {
            "stop": self._stop,
            "save": self._save,
            "lr": self._set_lr,
            "pause": self._pause,
            "resume": self._resume,
        }
        act = known.get(word.lower())
        if act is None:
            hint = did_you_mean(word, known)
            logger().warning("%r in the control file is not understood%s", command, hint)
            return
        try:
            done = act(value.strip().lower())
        except ValueError as error:
            logger().warning("%r in the control file is not understood: %s", command, error)
            return
        if is_rank_zero():
            logger().warning("the control file says %r: %s", command, done)

    def _stop(self, value: str) -> str:
        if value not in ("", "now"):
            raise ValueError("it is `stop`, after this epoch, or `stop now`")
        if not value:
            self._stop_after_epoch, self._paused = True, False
            return "training ends with this epoch"
        self._paused = False
        stop_training(self.model, "the control file asked for it")
        return "training ends with this batch"

    def _save(self, value: str) -> str:
        if value not in ("", "now"):
            raise ValueError("it is `save` alone")
        self.save_requests += 1
        return "savers with OnControl save"

    def _set_lr(self, value: str) -> str:
        if self.model.optimizer is None:
            raise ValueError("there is no optimizer")
        try:
            number = float(value.removeprefix("*"))
        except ValueError:
            raise ValueError("it is `lr 0.01`, or `lr *0.1` for a tenth") from None
        if not 0 <= number < math.inf:
            raise ValueError("a learning rate is 0 or more, and finite")
        told = []
        for group in self.model.optimizer.param_groups:
            old = group["lr"]
            new = float(old) * number if value.startswith("*") else number
            if hasattr(old, "fill_"):  # a tensor, which a compiled optimizer has
                old.fill_(new)
            else:
                group["lr"] = new
            told.append(f"{new:g}")
        return f"the learning rate is {', '.join(told)}"

    def _pause(self, value: str) -> str:
        if value:
            raise ValueError("it is `pause` alone")
        self._paused = True
        return "training waits for `resume`"

    def _resume(self, value: str) -> str:
        if value:
            raise ValueError("it is `resume` alone")
        self._paused = False
        return "training goes on"

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle the settings, without what connects processes."""
        return {**super().__getstate__(), "_share": _alone}


def _alone(look: _Look) -> _Look:
    return look


def _sharing() -> _Share:
    """Return what hands to all processes what the first one has seen."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_initialized():
        return _alone
    group = distributed.new_group(backend="gloo")

    def share(look: _Look) -> _Look:
        held = [look]
        distributed.broadcast_object_list(held, src=0, group=group)
        return held[0]

    return share
