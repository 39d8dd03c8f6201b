# SPDX-License-Identifier: MIT
"""Save the whole state of a run."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from callbacks_core import (
    FatalCallbackError,
    Logs,
    Mode,
    PathLike,
    ResumeError,
    State,
    Stateful,
    as_path,
    is_rank_zero,
    whole_number,
    world_size,
)
from callbacks_core.signals import carried_to_its_end

from ..asynchronous import WhileSaving
from ..periodic_state_save import PeriodicStateSave
from ..retention import Retention, SavedFile
from ..sharded import is_sharded
from ..sharded._group import together
from ..triggers import EveryEpochs, OnException, OnSignal, Trigger, in_step, members
from ._boundary import kept
from .generations import PREFIX, generations, load_generation, new_start, own_part, own_state

_TWO = Retention(last=2)


class TrainingCheckpoint(PeriodicStateSave):
    """Save all that a run needs to go on as if it had never been interrupted.

    One file holds the network, the optimizer, the gradient scaler, the state of every callback
    wherever it stands, the random states of every generator and process, the position in the data,
    the averages of the running epoch and the history: all of it or none. ``resume="auto"`` of
    `TrainingLoop` and ``Model.fit`` goes on from the newest file, in the middle of an epoch too::

        model.fit(x, y, callbacks=[TrainingCheckpoint("run"), ...], resume="auto")

    SIGTERM and Ctrl-C end the run when the batch is over, once it is saved: the process of a
    cluster that is told to go leaves a file behind, everything else is closed, and its exit code is
    143. SIGUSR1 saves, and training goes on. A validation is broken off, and begins anew when the
    run is gone on with. What has not come to the end of a batch after 20 seconds, such as a loader
    that hangs, is broken off without a save; `OnSignal` tells more.

    It saves when all other callbacks are done with the epoch, or with the batch, whatever its
    place in the list; the last epoch of a training is always saved, so that a finished run stays
    finished. A callback's state is kept under its `Callback.state_key`, usually the name
    of its class; the second one of the same key gets ``#2``, and so on.

    The last two files are kept by default, so that there is one to fall back on if the newest is
    damaged. A training that begins anew replaces the files of an earlier one in the folder once
    it has saved its own first.

    Args:
        folder: Where the files go; it is made.
        period: Save at the end of every so many epochs, counted from epoch 1.
        trigger: When to save, in the place of *period* and of signals;
            ``EveryEpochs(1) | EveryMinutes(10) | OnSignal()`` saves within epochs too. Not on
            exceptions, which leave nothing that could be gone on with.
        keep: Which files to keep.
        monitor: The value in the logs that tells which epoch is best, where *keep* asks for it.
        mode: ``"min"`` when smaller is better, ``"max"`` when larger is.
        last_link: A second name for the newest file.
        verbose: Whether to print a line when saving.
        asynchronous: As for `PeriodicSaveCallback`.
        while_saving: As for `PeriodicSaveCallback`.
        overlap: As for `PeriodicSaveCallback`.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument has a wrong value, or lacks another one that it needs.
    """

    _writes_state: ClassVar[bool] = True

    def __init__(
        self,
        folder: PathLike,
        *,
        period: int = 1,
        trigger: Trigger | None = None,
        keep: Retention = _TWO,
        monitor: str = "val_loss",
        mode: Mode = "min",
        last_link: PathLike | None = None,
        verbose: bool = False,
        asynchronous: bool = False,
        while_saving: WhileSaving = "wait",
        overlap: bool = False,
    ) -> None:
        self.folder = os.fspath(as_path("folder", folder))
        if not isinstance(keep, Retention):
            raise TypeError(f"`keep` must be a Retention, such as Retention(last=3), not {keep!r}")
        whole_number("period", period, at_least=1)
        if trigger is None:
            trigger, self_period, period = _usual(period), period, 1
        else:
            self_period = period
        _refuse_exceptions(trigger)
        within = getattr(trigger, "within_epochs", False)
        name = PREFIX + ("{epoch:05d}-{batch:07d}.pt" if within else "{epoch:05d}.pt")
        literal = self.folder.replace("{", "{{").replace("}", "}}")
        super().__init__(
            os.path.join(literal, name),
            period=period,
            trigger=trigger,
            keep=keep,
            monitor=monitor,
            mode=mode,
            last_link=last_link,
            verbose=verbose,
            asynchronous=asynchronous,
            while_saving=while_saving,
            overlap=overlap,
        )
        self.period = self_period
        self._within = within
        self._signals = [each for each in members(self._trigger) if isinstance(each, OnSignal)]
        self._run: Stateful | None = None
        self._trained: State | None = None
        self._is_validating = self._was_broken_off = self._has_settled = False
        self._ranks: list[State] = []
        self._started = 0
        self._leftover: list[SavedFile] = []

    @property
    def state_key(self) -> str:
        """The class alone: a folder may be moved."""
        return type(self).__name__

    def set_run(self, run: Stateful) -> None:
        """Learn what to save; a loop calls this before training begins."""
        self._run = run
        self._started, self._restored = 0, False

    def load_run(self, path: PathLike | None) -> State | None:
        """Return the newest state that is whole, and save behind it from now on.

        Args:
            path: The file, or the folder; None for the callback's own folder.

        Returns:
            The state; None if there is none yet and *path* is None.

        Raises:
            CheckpointError: All there are are damaged or unsafe.
            ResumeError: There is no file at *path*.
        """
        if path is None and not os.path.isdir(self.folder):
            return None
        try:
            loaded = load_generation(self.folder if path is None else path)
        except FileNotFoundError as error:
            if path is None:
                return None
            raise ResumeError(f"there is no saved run at {os.fspath(path)!r}: {error}") from error
        state = own_state(loaded)
        own = own_part(state, "saver")
        if own is None:
            return state  # which the loop refuses
        if Path(loaded.path).resolve().parent != Path(self.folder).resolve():
            return state  # a run that branches off: its files are not ours to remove
        files = generations(self.folder, loaded).earlier
        if not self._reads_value:  # the seals tell it all the same, and the best one would stay
            files = [file._replace(value=None) for file in files]
        self._started = own["started"]
        self.load_state_dict(
            {
                "ledger": {
                    "files": [list(file) for file in files],
                    "replaced": [],
                    "newest": list(files[-1]) if files else None,
                },
                "trigger": own["trigger"],
                "epoch": loaded.about["epoch"],
                "batch": loaded.about.get("batch"),
            }
        )
        return state

    def listens_to(self, hook: str) -> bool:
        """Whether *hook* matters: the settled end of an epoch does, and of a batch for some."""
        if hook == "on_epoch_end":
            return False
        if hook == "on_batch_settled":
            return self._within
        if hook in ("on_valid_begin", "on_valid_batch_end", "on_valid_end"):
            return bool(self._signals)
        return super().listens_to(hook)

    def on_train_begin(self, logs: Logs) -> None:
        """Start anew or from a loaded state, and refuse what can never be saved.

        Raises:
            FatalCallbackError: No `TrainingLoop` has said what to save, or the network is spread
                over processes, or one of these may skip a save alone.
            HopelessPathError: The folder cannot be written to.
        """
        if self._run is None:
            raise FatalCallbackError(
                "TrainingCheckpoint saves what a TrainingLoop, or a Model's fit, trains; hooks "
                "that are called by hand do not tell it what that is"
            )
        if is_sharded(list(self.model.network.parameters())):
            raise FatalCallbackError(
                "TrainingCheckpoint cannot save a network that is spread over processes; "
                "ModelCheckpoint and OptimizerCheckpoint can"
            )
        if world_size() > 1:
            self._trigger = in_step(self._trigger)
            self._refuse_skipping()
        self._trained, self._has_settled = None, False
        self._is_validating = self._was_broken_off = False
        earlier = generations(self.folder, None).others
        if not self._started:
            self._started = new_start(self.folder)
        super().on_train_begin(logs)
        if is_rank_zero():
            self._remove_halves()
        self._leftover = earlier
        self._discard()

    def _paths(self) -> tuple[str, ...]:
        return (*super()._paths(), self.folder)  # two of these in a folder would mix their files

    def _refuse_skipping(self) -> None:
        background = self._saves.background
        if background is not None and background.while_saving == "skip":
            raise FatalCallbackError(
                '`while_saving="skip"` may skip a save in one process alone, and they save at '
                'once: use "wait" or "latest"'
            )

    def _remove_halves(self) -> None:
        """Remove what a killed process was writing, under names that may never come again."""
        for half in Path(self.folder).glob(f"{PREFIX}*.pt.tmp"):
            with suppress(OSError):
                half.unlink()

    def _discard(self) -> None:
        """Have what another training has left removed, now that there is something new."""
        if self._leftover and not self._saves.ledger.is_empty:
            self._saves.ledger.discard(self._leftover)
            self._leftover = []

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Remove what the last file has replaced."""
        self._discard()
        super().on_epoch_begin(epoch_number, logs)

    def on_batch_settled(self, batch_number: int, logs: Logs) -> None:
        """Save, if it is time already; keep what a validation might change, if one follows."""
        super().on_batch_settled(batch_number, logs)
        is_last = self.model.stop_training or batch_number == self.params.get("steps")
        validates = "valid_steps" in self.params or not self._has_settled  # who knows, at first
        self._trained = kept(self._state()) if is_last and validates and self._signals else None

    def on_valid_begin(self, logs: Logs) -> None:
        """Have rank zero keep what the other processes have kept."""
        self._is_validating = True
        if world_size() > 1:
            own = None if self._trained is None else self._trained["local"]
            held = [each["local"] for each in together(lambda: {"local": own})]
            self._ranks = [each for each in held if each is not None]
            if len(self._ranks) < len(held):  # their loaders end at different batches
                self._trained = None

    def on_valid_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Break the validation off, if a signal is to end the run.

        Raises:
            SystemExit: It was such a signal.
            KeyboardInterrupt: It was Ctrl-C.
        """
        if self._trained is not None and any(each.ends_process for each in self._signals):
            for each in self._signals:
                each.done(saved=False)

    def on_valid_end(self, logs: Logs) -> None:
        """Let go of what was kept: the epoch's end will be saved."""
        self._trained, self._is_validating = None, False

    def on_exception(self, exception: BaseException) -> None:
        """Save when all is closed, if a signal has broken off a validation."""
        by_signal = isinstance(exception, SystemExit | KeyboardInterrupt)
        self._was_broken_off = self._is_validating and by_signal

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Wait: other callbacks may still be to hear of it."""

    def on_settled(self, epoch_number: int, logs: Logs) -> None:
        """Save, if it is time."""
        self._has_settled = True
        super().on_epoch_end(epoch_number, logs)

    def _is_due(self, epoch_number: int) -> bool:
        is_due = super()._is_due(epoch_number)
        if not (self.model.stop_training or epoch_number == self.params.get("epochs")):
            return is_due
        self._saves.wait()  # the last epoch is not one to be skipped
        return True

    def _save(self, file: SavedFile, logs: Logs, *, improved_to: float | None = None) -> None:
        if not self._was_broken_off:
            self._ranks = self._of_all_ranks()
        super()._save(file, logs, improved_to=improved_to)

    def _of_all_ranks(self) -> list[State]:
        if world_size() == 1:
            return []
        return together(lambda: self._state()["local"])

    def _is_spread(self) -> bool:
        return False

    def _state(self) -> State:
        if self._run is None:
            raise FatalCallbackError("TrainingCheckpoint saves while a training is running only")
        if self._was_broken_off and self._trained is not None:
            return self._trained
        return self._run.state_dict()

    def state_to_save(self) -> Any:
        """Return the state of the run, and where this callback stands itself."""
        saver = {"trigger": self._trigger.state_dict(), "started": self._started}
        return {**self._state(), "ranks": self._ranks, "saver": saver}

    def restore_state(self, state: Any) -> None:
        """Refuse: a run takes up its state when it begins.

        Raises:
            ResumeError: In any case.
        """
        raise ResumeError('a run is gone on with by `resume="auto"`, or a path, when it begins')

    def about(self, epoch_number: int, logs: Logs) -> dict[str, str | int | float]:
        """Return what the seal is to tell of a file; see `PeriodicStateSave.about`."""
        return {**super().about(epoch_number, logs), "started": self._started}

    def close(self) -> None:
        """Save what a signal has left, wait for what is being written, and let go of the run."""
        try:
            self._save_trained()
        finally:
            self._trained, self._is_validating, self._was_broken_off = None, False, False
            try:
                super().close()
            finally:
                self._run = None

    def _save_trained(self) -> None:
        """Save the end of an epoch's training, whose validation a signal has broken off."""
        if not self._was_broken_off or self._trained is None:
            return
        batch = int(self._trained["local"]["within"]["batch"])
        logs: Logs = {"batch": batch}
        path = self._template.path(self._epoch, logs)
        with carried_to_its_end(), self._saves.telling_late_errors():
            self._saves.wait()
            self._save(SavedFile(path, self._epoch, batch), logs)
            self._saves.wait()
            self._saves.tidy()

    def __getstate__(self) -> dict[str, Any]:
        """Pickle and copy the arguments, without the run."""
        return {**super().__getstate__(), "_run": None, "_trained": None}


def _usual(period: int) -> Trigger:
    """Return when to save by default: at the ends of epochs, and when the process is to go."""
    signals = [signal.SIGTERM, signal.SIGINT, getattr(signal, "SIGUSR1", None)]
    return EveryEpochs(period) | OnSignal(*(each for each in signals if each is not None))


def _refuse_exceptions(trigger: object) -> None:
    triggers = members(trigger) if isinstance(trigger, Trigger) else ()
    if any(isinstance(each, OnException) for each in triggers):
        raise ValueError(
            "`trigger` must not be OnException: an exception leaves a batch half done, and a run "
            "cannot go on from there exactly; OnSignal() saves at the end of the batch"
        )
