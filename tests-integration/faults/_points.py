# SPDX-License-Identifier: MIT
"""A training that is harmed at one point, and the one that goes on afterwards."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from _cases import Case, State
from _injector import Harm, Injector
from _trace import Image, write_image
from torch import nn

from callbacks_checkpoint import RestoreFailedError, SaveFailedError
from callbacks_core import HopelessPathError

EPOCHS = 3


class Stage:
    """Where a case is played: the folder that is harmed, and a training that nobody disturbed.

    Args:
        case: What is played.
        folder: A folder for everything.
        injector: What does the harm.
    """

    def __init__(self, case: Case, folder: Path, injector: Injector) -> None:
        self.case = case
        self.folder = folder / "harmed"
        self.trace = folder / "trace"
        self._marks = folder / "marks"
        self._outcome = folder / "outcome"
        self._injector = injector
        self._weights: list[State] = []
        self._files: dict[str, Any] = {}
        self._rehearse()

    def _rehearse(self) -> None:
        self._clear()

        def note(epoch: int, network: nn.Module) -> None:
            self._weights.append({k: v.clone() for k, v in network.state_dict().items()})

        self.case.train(self.folder, epochs=EPOCHS + 1, settled=note)
        self._files = self.case.left(self.folder)

    def _clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def harm(self, harm: Harm) -> str:
        """Train while *harm* is done; return how it ended, "killed" if it did not by itself."""
        self._clear()
        self._marks.write_bytes(b"")
        return self._in_child(lambda: self._train(harm))

    @property
    def acknowledged(self) -> int:
        """The last epoch that a harmed training said it had finished."""
        return self._marks.stat().st_size

    def _train(self, harm: Harm) -> str:
        marks = os.open(self._marks, os.O_WRONLY)
        trace = os.open(self.trace, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

        def acknowledge(epoch: int, network: nn.Module) -> None:
            if epoch > self.case.lag:
                self._injector.mark(epoch - self.case.lag)
                os.write(marks, b".")

        self._injector.arm(self.folder, harm, trace)
        try:
            self.case.train(self.folder, epochs=EPOCHS, settled=acknowledge)
        except (SaveFailedError, RestoreFailedError, HopelessPathError) as error:
            return type(error).__name__
        finally:
            self._injector.disarm()
        return "finished"

    def lay_out(self, image: Image) -> None:
        """Make the folder what a power cut has left of it."""
        self._clear()
        write_image(image)

    def go_on(self, committed: int, *, saved_all: bool, power: bool = True) -> str | None:
        """Go on from what is in the folder, in a process of its own; return what is wrong.

        Args:
            committed: The epoch that must not be lost.
            saved_all: Whether no save had failed; where one had, what callbacks remember of it
                may differ in the end.
            power: Whether there was power all the time.
        """
        return self._in_child(lambda: self._go_on(committed, saved_all, power)) or None

    def _go_on(self, committed: int, saved_all: bool, power: bool) -> str:
        state = self.case.find(self.folder)
        epoch = 0 if state is None else self._epoch_of(state)
        if epoch < committed:
            return f"epoch {committed} was lost, what is there is of epoch {epoch}"
        self.case.train(self.folder, epochs=EPOCHS + 1, after=epoch, state=state)
        files, expected = self.case.left(self.folder), self._files
        if not power:
            files, expected = map(self.case.synced, (files, expected))
        if files.keys() != expected.keys():
            odd = sorted(files.keys() ^ expected.keys())
            return f"in the end there is or lacks {', '.join(odd)}"
        if not saved_all:
            files, expected = map(self.case.of_failed_saves, (files, expected))
        wrong = [name for name in files if not _equal(files[name], expected[name])]
        first = "" if not wrong else f": {_difference(files[wrong[0]], expected[wrong[0]])}"
        return f"in the end these differ: {', '.join(wrong)}{first}" if wrong else ""

    def _epoch_of(self, state: State) -> int:
        """Return the epoch of *state*, which must be one that there was, as a whole."""
        for epoch, weights in enumerate(self._weights, 1):
            if _equal(state["network"], weights):
                if state.get("epoch", epoch) != epoch:
                    raise ValueError(f"weights of epoch {epoch} in a file of {state['epoch']}")
                return epoch
        raise ValueError("there are weights that never were")

    def _in_child(self, play: Callable[[], str]) -> str:
        """Play in a forked process, and return what it returned, or how it died."""
        self._outcome.write_text("killed", encoding="utf-8")
        gc.freeze()  # a collection in the child would copy every page that holds an object
        process = os.fork()
        if process == 0:
            _become_quiet()
            try:
                outcome = play()
            except BaseException as error:
                where = traceback.extract_tb(error.__traceback__)[-1]
                text = "".join(traceback.format_exception_only(error)).partition("\n")[0]
                outcome = f"{text} ({where.filename}:{where.lineno})"
            self._outcome.write_text(outcome, encoding="utf-8")
            os._exit(0)
        os.waitpid(process, 0)
        return self._outcome.read_text(encoding="utf-8")


def _become_quiet() -> None:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")


def _difference(found: Any, expected: Any, path: str = "") -> str:
    """Return what differs first, for people."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in sorted(found.keys() | expected.keys(), key=str):
            if key not in found or key not in expected:
                return f"{path}/{key} is {'missing' if key in expected else 'too much'}"
            if not _equal(found[key], expected[key]):
                return _difference(found[key], expected[key], f"{path}/{key}")
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        for index, pair in enumerate(zip(found, expected, strict=True)):
            if not _equal(*pair):
                return _difference(*pair, f"{path}[{index}]")
    return f"{path} is {str(found)[-300:]} instead of {str(expected)[-300:]}"


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)
