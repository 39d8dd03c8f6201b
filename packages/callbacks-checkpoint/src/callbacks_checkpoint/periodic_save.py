# SPDX-License-Identifier: MIT
"""Write files while training goes on."""

from __future__ import annotations

import logging
import os
from abc import abstractmethod
from typing import IO, Any, ClassVar

from callbacks_core import (
    Callback,
    FailurePolicy,
    Logs,
    Mode,
    Monitor,
    PathLike,
    State,
    is_rank_zero,
)

from ._background import Background, chosen_background
from ._filename import FilenameTemplate
from ._files import check_mode, open_to_read, open_to_write, refuse_hopeless
from ._ledger import Ledger
from ._neighbours import Claim, claim, release
from ._plan import (
    chosen_retention,
    chosen_trigger,
    other_path,
    refuse_half_options,
    refuse_lone_trigger,
    refuse_vague,
)
from ._ranks import path_from_rank_zero
from ._restoring import restore_from
from ._saves import Saves, moment
from .asynchronous import WhileSaving
from .retention import Retention, SavedFile
from .triggers import Trigger, acted_upon, in_step

_logger = logging.getLogger("callbacks_checkpoint")


class PeriodicSaveCallback(Callback):
    """Write a file at the end of each epoch, or of the best ones only, or when something happens.

    A subclass says in `save_file` what is written, and may say in `restore` how it is read back.

    *filename* may have fields, named ``epoch`` or like a value in the epoch's logs:
    ``"weights.{epoch:02d}-{val_loss:.2f}.pt"``. A field ``batch`` is the number of batches done in
    the epoch. Missing folders are made. A path that can never be written is refused before the
    first batch, and so is a name that another saver of the same training has.

    A file is complete or absent: it is written under a temporary name, brought to disk, and only
    then takes its name, so that a run can be killed at any moment. A save that fails is reported
    with its cause and path while training goes on, and leaves the last good file as it was. It is
    tried again when the next one is due; with *save_best_only* after the next epoch that is better
    than the file on disk, whatever the period. When the last save has failed, training ends with a
    `SaveFailedError`.

    What is on disk, which file is best and what is to be removed start anew with each training,
    unless their state was restored. Then a file that is gone is no error, and with *keep* files
    of the same name from later epochs, which a killed run has left, are replaced or removed. In a
    distributed run, rank zero writes and every rank restores.

    Args:
        filename: The file's path, with or without fields.
        monitor: The value in the logs that tells which epoch is best.
        mode: ``"min"`` when smaller is better, ``"max"`` when larger is.
        save_best_only: Whether to save only when the monitored value is better than at the last
            save. NaN never is.
        keep_only_last_best: Whether to remove the previous best file, once the new one is on disk
            and the epoch is over. Needs *save_best_only*.
        restore_best: Whether to restore the best file at the end of training. Needs
            *save_best_only*, or *keep* with ``best``.
        period: Save at every so many epochs only, counted from epoch 1.
        trigger: When to save, in the place of *period*: ``EveryEpochs(1) | EveryMinutes(10)``.
            With a trigger that can go off within an epoch the fields can be ``epoch`` and
            ``batch`` only.
        keep: Which files to keep; all of them by default. The others are removed once the new one
            is on disk and the epoch is over, or after the next save within an epoch.
        best_link: A second name for the best file, which changes over with it.
        last_link: A second name for the newest file.
        verbose: Whether to print a line when saving and restoring.
        temporary_filename: The path to write to at first, on the same file system; by default the
            file's own with ``.tmp`` added. It has no fields.
        atomic_write: Whether to write as described. Otherwise the file itself is written to, and
            a crash can halve it.
        open_mode: The mode for `open`. Text is UTF-8.
        asynchronous: Whether to take a copy in memory and write it in the background, so that
            training waits for the copy alone. A file counts, for *keep* and as the best, once it
            is on disk; what fails is told at the end of a later epoch, or of training, which waits
            for the last file. So does whoever asks for the callback's state.
        while_saving: What to do when a save is due while the one before is still being written:
            ``"wait"`` for it, ``"skip"`` this one, or have it written next, in place of another
            that is waiting (``"latest"``, which takes a second copy in memory). Needs
            *asynchronous*.
        overlap: Whether to make even the copy beside the next forward and backward pass, as
            `AsynchronousSaver.save` tells. Needs *asynchronous*.

    Raises:
        TypeError: An argument is of the wrong kind, *restore_best* is asked of a class that cannot
            restore, or *overlap* of one that writes no state.
        ValueError: An argument has a wrong value, or lacks another one that it needs.

    Attributes:
        writes_bytes: Whether `save_file` writes bytes; a text mode is refused then.
    """

    on_error: FailurePolicy = "warn"
    writes_bytes: ClassVar[bool] = False
    _writes_state: ClassVar[bool] = False

    def __init__(
        self,
        filename: PathLike,
        *,
        monitor: str = "val_loss",
        mode: Mode = "min",
        save_best_only: bool = False,
        keep_only_last_best: bool = False,
        restore_best: bool = False,
        period: int = 1,
        trigger: Trigger | None = None,
        keep: Retention | None = None,
        best_link: PathLike | None = None,
        last_link: PathLike | None = None,
        verbose: bool = False,
        temporary_filename: PathLike | None = None,
        atomic_write: bool = True,
        open_mode: str = "wb",
        asynchronous: bool = False,
        while_saving: WhileSaving = "wait",
        overlap: bool = False,
    ) -> None:
        self._template = FilenameTemplate(filename)
        refuse_vague(
            save_best_only=save_best_only,
            keep_only_last_best=keep_only_last_best,
            restore_best=restore_best,
            verbose=verbose,
            atomic_write=atomic_write,
            asynchronous=asynchronous,
            overlap=overlap,
        )
        self.monitor = Monitor(monitor, mode)
        knows_best = save_best_only or (isinstance(keep, Retention) and keep.best > 0)
        refuse_half_options(keep_only_last_best, restore_best, save_best_only, knows_best)
        if restore_best and type(self).restore is PeriodicSaveCallback.restore:
            raise TypeError(
                f"`restore_best=True` needs a {type(self).__name__}.restore method, which reads "
                f"what save_file writes"
            )
        self._trigger = chosen_trigger(trigger, period, self._template, save_best_only)
        check_mode(open_mode, atomic=atomic_write, binary=self.writes_bytes)
        self.save_best_only = save_best_only
        self.keep_only_last_best = keep_only_last_best
        self.restore_best = restore_best
        self.period = period
        self.verbose = verbose
        self.atomic_write = atomic_write
        self.open_mode = open_mode
        self.temporary_filename = other_path(
            "temporary_filename", temporary_filename, self._template
        )
        self.keep = chosen_retention(keep, keep_only_last_best, self._template)
        ledger = Ledger(
            self.monitor,
            self.keep,
            other_path("best_link", best_link, self._template, atomic=atomic_write),
            other_path("last_link", last_link, self._template, atomic=atomic_write),
        )
        self._reads_value = knows_best or best_link is not None
        background = chosen_background(
            asynchronous, while_saving, overlap, atomic=atomic_write, is_state=self._writes_state
        )
        self._saves = Saves(ledger, background)
        self._epoch = 0
        self._batch: int | None = None
        self._restored = False

    @property
    def filename(self) -> str:
        """The file's path as it was given, fields and all."""
        return self._template.text

    @property
    def best_filename(self) -> str | None:
        """The best file so far, or None."""
        best = self._saves.ledger.best
        return None if best is None else best.path

    @property
    def current_best(self) -> float:
        """The monitored value of the best file so far; an infinity before the first one."""
        return self.monitor.best

    @property
    def state_key(self) -> str:
        """The class and the file's name: two savers keep theirs when their order changes."""
        return f"{type(self).__name__}:{os.path.basename(self.filename)}"

    @abstractmethod
    def save_file(self, fd: IO[Any], epoch_number: int, logs: Logs) -> None:
        """Write what is to be saved.

        Args:
            fd: The open file.
            epoch_number: The number of the epoch.
            logs: The logs of the epoch, at its end. Within it those of the batch, which are read
                from the device when one of them is read; after an exception the number of the
                batch alone.
        """

    def restore(self, fd: IO[Any]) -> None:
        """Take up what `save_file` wrote; override it to make *restore_best* possible.

        Args:
            fd: The open file.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot restore what it saves")

    def listens_to(self, hook: str) -> bool:
        """Whether *hook* matters: those of batches and exceptions do for some triggers only."""
        if hook == "on_batch_settled":
            return self._trigger.within_epochs or "batch" in self._template.fields
        return super().listens_to(hook)

    def on_train_begin(self, logs: Logs) -> None:
        """Start anew or from a restored state, and refuse a path that can never be written.

        Raises:
            HopelessPathError: Files of that name, or second names, cannot be written.
            FatalCallbackError: Another saver of this training has the same name or trigger.
        """
        self._saves.begin()
        is_spread = self._is_spread()
        if is_spread:
            refuse_lone_trigger(self._trigger)
            self._trigger = in_step(self._trigger)
        if is_rank_zero():
            staged = self.temporary_filename if self.atomic_write and not is_spread else None
            refuse_hopeless(self._template.trial_path(is_folder=is_spread), staged)
            self._saves.ledger.refuse_hopeless_links()
        model = getattr(self, "model", None)  # without one, nobody knows of which training it is
        claim(self, Claim(model, self._paths(), self._trigger))
        if self._restored:
            self._saves.ledger.resume(self._template, self._epoch, self._batch)
        else:
            self._saves.ledger.reset()
        self._trigger.begin(resumed=self._restored)
        self._restored = False

    def _paths(self) -> tuple[str, ...]:
        ledger = self._saves.ledger
        staged = self.temporary_filename if self._saves.background is not None else None
        names = (self.filename, ledger.best_link, ledger.last_link, staged)
        return tuple(name for name in names if name is not None)

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Remove what the last epoch has replaced: by now the whole run's save knows of it."""
        self._epoch, self._batch = epoch_number, 0
        with self._saves.telling_late_errors():
            self._saves.tidy()

    def on_batch_settled(self, batch_number: int, logs: Logs) -> None:
        """Save, if it is time already."""
        self._batch = batch_number
        if not self._trigger.after_batch():
            return
        path = self._template.path(self._epoch, {"batch": batch_number})
        with self._saves.telling_late_errors():
            if self._saves.is_free():
                with acted_upon(self._trigger, path):
                    self._save(SavedFile(path, self._epoch, batch_number), logs)
                    self._saves.tidy()

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Save, if it is time.

        Raises:
            MissingMetricError: The logs lack the monitored value or a field of the file's name.
        """
        path = self._template.path(epoch_number, {**logs, "batch": self._batch or 0})
        value = self.monitor.value(logs) if self._reads_value else None
        self._epoch, self._batch = epoch_number, None
        due = self._is_due(epoch_number)
        file = SavedFile(path, epoch_number, value=value)
        with self._saves.telling_late_errors():
            retry = self._saves.last_has_failed and self.save_best_only
            if (due or retry) and self._saves.is_free():
                with acted_upon(self._trigger, path):
                    self._save_if_wanted(file, logs)

    def _is_due(self, epoch_number: int) -> bool:
        return self._trigger.after_epoch(epoch_number)

    def _save_if_wanted(self, file: SavedFile, logs: Logs) -> None:
        improves = self.save_best_only and file.value is not None
        is_wanted = not improves or self._saves.is_best(file.value or 0.0)
        if self._is_spread():
            path = path_from_rank_zero(file.path if is_wanted else None)
            is_wanted, file = path is not None, file._replace(path=path or file.path)
        if is_wanted:
            self._save(file, logs, improved_to=file.value if improves else None)

    def on_exception(self, exception: BaseException) -> None:
        """Save, if that is what exceptions are to do."""
        if self._trigger.after_exception(exception):
            batch = self._batch or 0
            path = self._template.path(self._epoch, {"batch": batch})
            with self._saves.telling_late_errors():
                if self._saves.is_free():
                    with acted_upon(self._trigger, path):
                        self._save(SavedFile(path, self._epoch, batch), {"batch": batch})

    def _save(self, file: SavedFile, logs: Logs, *, improved_to: float | None = None) -> None:
        if not (is_rank_zero() or self._is_spread()):
            self._saves.ledger.saved(file)
            return
        if self.verbose and is_rank_zero():
            gain = ""
            if improved_to is not None:
                name, before = self.monitor.name, self.monitor.best
                gain = f"{name} improved from {before:.5f} to {improved_to:.5f}, "
            print(f"Epoch {moment(file)}: {gain}saving file to {file.path}")
        self._saves.try_to(lambda: self._write(file, logs), file)

    def _is_spread(self) -> bool:
        """Whether each process has a part of what is saved, and has to save it."""
        return False

    def _write(self, file: SavedFile, logs: Logs) -> None:
        if self._saves.background is not None:
            self._hand_over(self._saves.background, file, logs)
            return
        with open_to_write(
            file.path, self.open_mode, atomic=self.atomic_write, temporary=self.temporary_filename
        ) as fd:
            self.save_file(fd, file.epoch, logs)
        self._saves.succeeded(file)

    def _hand_over(self, background: Background, file: SavedFile, logs: Logs) -> None:
        """Begin to save in the background."""
        background.save_content(
            lambda fd: self.save_file(fd, file.epoch, logs),
            file,
            is_text="b" not in self.open_mode,
            temporary=self.temporary_filename,
        )

    def on_train_end(self, logs: Logs) -> None:
        """Restore the best file if asked to.

        Raises:
            RestoreFailedError: It cannot be read.
            SaveFailedError: The last save failed.
        """
        release(self)
        self._saves.wait()
        with self._saves.telling_late_errors():
            self._saves.tidy_at_end(self.filename)
            if self.restore_best:
                self._restore_best()
            self._saves.refuse_failure()

    def close(self) -> None:
        """Give signals back to whoever had them, and wait for what is being written."""
        release(self)
        try:
            self._trigger.end()
        finally:  # a signal may end the process in there
            self._saves.close()

    def _restore_best(self) -> None:
        best = path_from_rank_zero(self.best_filename)
        if best is None:
            _logger.warning(
                "No data to restore! %r never improved and nothing was saved", self.monitor.name
            )
            return
        if self.verbose and is_rank_zero():
            print(f"Restoring data from {best}")
        restore_from(best, self._restore_folder if self._is_spread() else self._restore_file)

    def _restore_file(self, path: str) -> None:
        with open_to_read(path, self.open_mode) as file:
            self.restore(file)

    def _restore_folder(self, path: str) -> None:
        raise NotImplementedError(f"{type(self).__name__} saves no folders")

    def state_dict(self) -> State:
        """Return what is on disk and what is to be removed, and where the trigger stands.

        It waits for what is being written, as that is part of it.
        """
        self._saves.wait()
        return {
            "ledger": self._saves.ledger.state_dict(),
            "trigger": self._trigger.state_dict(),
            "epoch": self._epoch,
            "batch": self._batch,
        }

    def load_state_dict(self, state: State) -> None:
        """Take up a state; the next training goes on from it."""
        self._saves.ledger.load_state_dict(state["ledger"])
        self._trigger.load_state_dict(state["trigger"])
        self._epoch, self._batch = state["epoch"], state["batch"]
        self._restored = True
