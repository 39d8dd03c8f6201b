# SPDX-License-Identifier: MIT
"""Going on with a run that was saved."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import did_you_mean
from ..run_saver import ResumeError, load_run, run_savers
from ..stateful import Stateful
from ._run import progress

if TYPE_CHECKING:
    from ..callback_list import CallbackList
    from ..files import PathLike
    from ._run import Run


class Resumption:
    """Introduces a run to those who save it, and has it go on from what they have saved.

    Args:
        run: The run.
        callbacks: Its callbacks.
        resume: ``"auto"``, a path, or None to begin anew.
        strict: Whether to refuse a run that differs from the one that was saved.

    Raises:
        TypeError: *resume* is no path.
        ValueError: It is ``"auto"``, and no callback saves runs.
    """

    def __init__(
        self, run: Run, callbacks: CallbackList, resume: PathLike | None, *, strict: bool
    ) -> None:
        self._run = run
        self._callbacks = callbacks
        self._resume = resume
        self._strict = strict
        if resume is not None and not isinstance(resume, str | os.PathLike):
            raise TypeError(f'`resume` must be "auto", a path or None, not {resume!r}')
        if resume == "auto" and not any(run_savers(callbacks)):
            raise ValueError(
                '`resume="auto"` looks for what a callback has saved, and none of them saves '
                'runs: add a TrainingCheckpoint("folder"), or pass the path of a checkpoint'
            )

    def take_up(self) -> None:
        """Begin anew, or with the state that is asked for; the second time always anew.

        Raises:
            ResumeError: The state fits no such run, or there is none where it should be.
        """
        savers = list(run_savers(self._callbacks))
        self._run.begin(remembers=bool(savers))
        for saver in savers:
            saver.set_run(self._run)
        resume, self._resume = self._resume, None
        if resume is None:
            return
        state: dict[str, Any] | None
        path = None if resume == "auto" else resume
        if savers:
            states = [saver.load_run(path) for saver in savers]
            state = max((each for each in states if each is not None), key=progress, default=None)
        else:
            state = self._loaded(resume)
        if state is not None:
            self._run.load_state_dict(state, strict=self._strict)
        elif path is not None:
            raise ResumeError(f"there is no saved run at {os.fspath(path)!r}")

    @staticmethod
    def _loaded(path: PathLike) -> dict[str, Any] | None:
        try:
            return load_run(path)
        except FileNotFoundError as error:
            if hint := did_you_mean(path, ["auto"]):
                error.add_note(f"it is no path, but a word for `resume`{hint}")
            raise


def checked_also(also: Mapping[str, Stateful] | None) -> Mapping[str, Stateful]:
    """Return *also*, or raise if it holds something without a state.

    Raises:
        TypeError: It does.
    """
    for name, part in (also or {}).items():
        if not isinstance(part, Stateful):
            raise TypeError(
                f"`also`[{name!r}] must have state_dict() and load_state_dict(), which "
                f"{part!r} does not"
            )
    return also or {}
