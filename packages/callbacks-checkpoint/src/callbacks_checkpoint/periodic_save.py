# SPDX-License-Identifier: MIT
"""Write a file at the end of an epoch."""

from __future__ import annotations

import logging
import os
from abc import abstractmethod
from typing import IO, Any, ClassVar, NamedTuple

from callbacks_core import (
    Callback,
    FailurePolicy,
    FatalCallbackError,
    Logs,
    Mode,
    Monitor,
    PathLike,
    State,
    as_path,
    is_rank_zero,
    whole_number,
)

from ._best import BestFile
from ._filename import FilenameTemplate
from ._files import check_mode, open_to_read, open_to_write, refuse_hopeless
from ._ranks import path_from_rank_zero
from .errors import CheckpointError, RestoreFailedError, SaveFailedError

_logger = logging.getLogger("callbacks_checkpoint")


class _Failure(NamedTuple):
    path: str
    epoch_number: int
    error: Exception


class PeriodicSaveCallback(Callback):
    """Write a file at the end of each epoch, or of the best ones only.

    A subclass says in `save_file` what is written, and may say in `restore` how it is read back.

    *filename* may have fields, named ``epoch`` or like a value in the epoch's logs:
    ``"weights.{epoch:02d}-{val_loss:.2f}.pt"``. Missing folders are made. A path that can never be
    written is refused before the first batch.

    A file is complete or absent: it is written under a temporary name, brought to disk, and only
    then takes its name, so that a run can be killed at any moment. A save that fails is reported
    with its cause and path while training goes on, and leaves the last good file as it was. It is
    tried again when the next one is due; with *save_best_only* after the next epoch that is better
    than the file on disk, whatever the period. When the last save has failed, training ends with a
    `SaveFailedError`.

    Best value and file start anew with each training, unless their state was restored. In a
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
            *save_best_only*.
        period: Save at every so many epochs only, counted from epoch 1.
        verbose: Whether to print a line when saving and restoring.
        temporary_filename: The path to write to at first, on the same file system; by default the
            file's own with ``.tmp`` added. It has no fields.
        atomic_write: Whether to write as described. Otherwise the file itself is written to, and
            a crash can halve it.
        open_mode: The mode for `open`. Text is UTF-8.

    Raises:
        TypeError: An argument is of the wrong kind, or *restore_best* is asked of a class that
            cannot restore.
        ValueError: An argument has a wrong value, or lacks another one that it needs.

    Attributes:
        writes_bytes: Whether `save_file` writes bytes; a text mode is refused then.
    """

    on_error: FailurePolicy = "warn"
    writes_bytes: ClassVar[bool] = False

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
        verbose: bool = False,
        temporary_filename: PathLike | None = None,
        atomic_write: bool = True,
        open_mode: str = "wb",
    ) -> None:
        self._template = FilenameTemplate(filename)
        self.monitor = Monitor(monitor, mode)
        if keep_only_last_best and not save_best_only:
            raise ValueError("`keep_only_last_best=True` needs `save_best_only=True`")
        if restore_best and not save_best_only:
            raise ValueError("`restore_best=True` needs `save_best_only=True`")
        if restore_best and type(self).restore is PeriodicSaveCallback.restore:
            raise TypeError(
                f"`restore_best=True` needs a {type(self).__name__}.restore method, which reads "
                f"what save_file writes"
            )
        whole_number("period", period, at_least=1)
        check_mode(open_mode, atomic=atomic_write, binary=self.writes_bytes)
        self.save_best_only = save_best_only
        self.keep_only_last_best = keep_only_last_best
        self.restore_best = restore_best
        self.period = period
        self.verbose = verbose
        self.atomic_write = atomic_write
        self.open_mode = open_mode
        self.temporary_filename: str | None = None
        if temporary_filename is not None:
            as_path("temporary_filename", temporary_filename)
            self.temporary_filename = os.fspath(temporary_filename)
            if self.temporary_filename == self.filename:
                raise ValueError(
                    f"`temporary_filename` must not be `filename` itself, {self.filename!r}"
                )
        self._best = BestFile(self.monitor, keep_only_last=keep_only_last_best)
        self._failure: _Failure | None = None
        self._restored = False

    @property
    def filename(self) -> str:
        """The file's path as it was given, fields and all."""
        return self._template.text

    @property
    def best_filename(self) -> str | None:
        """The file of the best epoch so far, or None."""
        return self._best.path

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
            epoch_number: The number of the epoch that ends.
            logs: The logs of the epoch.
        """

    def restore(self, fd: IO[Any]) -> None:
        """Take up what `save_file` wrote; override it to make *restore_best* possible.

        Args:
            fd: The open file.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot restore what it saves")

    def on_train_begin(self, logs: Logs) -> None:
        """Start anew or from a restored state, and refuse a path that can never be written.

        Raises:
            HopelessPathError: Files of that name cannot be written.
        """
        if not self._restored:
            self._best.reset()
        self._restored = False
        self._failure = None
        if is_rank_zero():
            refuse_hopeless(
                self._template.trial_path(), self.temporary_filename if self.atomic_write else None
            )

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Remove what the last epoch has replaced: by now the whole run's save knows of it."""
        if is_rank_zero():
            self._best.remove_replaced()

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Save, if it is time.

        Raises:
            MissingMetricError: The logs lack the monitored value or a field of the file's name.
        """
        path = self._template.path(epoch_number, logs)
        value = self.monitor.value(logs) if self.save_best_only else None
        retry = self._failure is not None and self.save_best_only
        if epoch_number % self.period and not retry:
            return
        if value is None:
            self._save(path, epoch_number, logs, f"Epoch {epoch_number}: saving file to {path}")
            return
        if not self.monitor.is_better(value):
            return
        self._save(
            path,
            epoch_number,
            logs,
            f"Epoch {epoch_number}: {self.monitor.name} improved from {self.monitor.best:.5f} to "
            f"{value:.5f}, saving file to {path}",
        )
        self._best.saved(path, value)

    def _save(self, path: str, epoch_number: int, logs: Logs, message: str) -> None:
        if not is_rank_zero():
            return
        if self.verbose:
            print(message)
        try:
            with open_to_write(
                path,
                self.open_mode,
                atomic=self.atomic_write,
                temporary=self.temporary_filename,
            ) as file:
                self.save_file(file, epoch_number, logs)
        except Exception as error:
            self._failure = _Failure(path, epoch_number, error)
            error.add_note(f"while saving {path!r} after epoch {epoch_number}")
            raise
        self._failure = None

    def on_train_end(self, logs: Logs) -> None:
        """Restore the best file if asked to.

        Raises:
            RestoreFailedError: It cannot be read.
            SaveFailedError: The last save failed.
        """
        if is_rank_zero():
            self._best.remove_replaced()
        if self.restore_best:
            self._restore_best()
        if self._failure is not None:
            path, epoch_number, error = self._failure
            raise SaveFailedError(
                f"the last save failed: {path!r} could not be written after epoch "
                f"{epoch_number}: {type(error).__name__}: {error}"
            ) from error

    def _restore_best(self) -> None:
        best = path_from_rank_zero(self._best.path)
        if best is None:
            _logger.warning(
                "No data to restore! %r never improved and nothing was saved", self.monitor.name
            )
            return
        if self.verbose and is_rank_zero():
            print(f"Restoring data from {best}")
        try:
            with open_to_read(best, self.open_mode) as file:
                self.restore(file)
        except FatalCallbackError:
            raise
        except Exception as error:
            why = error.why if isinstance(error, CheckpointError) else error
            raise RestoreFailedError(
                f"the best checkpoint {best!r} cannot be restored: {type(error).__name__}: {why}"
            ) from error

    def state_dict(self) -> State:
        """Return the best value, its file, and the files still to be removed."""
        return self._best.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Take up the best value and the files; the next training goes on from them."""
        self._best.load_state_dict(state)
        self._restored = True
