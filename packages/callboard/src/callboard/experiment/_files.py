# SPDX-License-Identifier: MIT
"""The files of an experiment: their names, and the callbacks that write them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import count
from json import dumps, loads
from pathlib import Path
from typing import IO, Any, Final

from callbacks_checkpoint import (
    LRSchedulerCheckpoint,
    ModelCheckpoint,
    OptimizerCheckpoint,
    PeriodicSaveLambda,
    RandomStatesCheckpoint,
    Retention,
    TrainingCheckpoint,
)
from callbacks_core import Callback, Logs, Mode, durable_open, is_rank_zero
from callbacks_logging import (
    AtomicCSVLogger,
    TensorBoardLogger,
    describe_environment,
    plot_history,
)

LOG: Final = "log.tsv"
LAST: Final = "checkpoint.ckpt"
RUN: Final = "run"
_BEST: Final = "checkpoint_epoch_{epoch}.ckpt"
_LAST_EPOCH: Final = "last.epoch"
_ENVIRONMENT: Final = "environment.json"
_SEPARATOR: Final = "\t"

_logger = logging.getLogger("callboard")


class Files:
    """The directory of an experiment.

    Args:
        directory: Where it is; it is made when it is written to.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / LOG
        self.last = directory / LAST
        self.run = directory / RUN

    def of_epoch(self, number: int) -> Path:
        """Return the file of the weights after an epoch."""
        return self.directory / _BEST.format(epoch=number)

    def test_log(self, name: str) -> Path:
        """Return the file of the results of a test."""
        return self.directory / f"{name}_log.tsv"

    def refuse_foreign(self) -> None:
        """Raise if somebody else's training is in the directory.

        Raises:
            FileExistsError: It is.
        """
        if (self.directory / _LAST_EPOCH).exists() and not self.run.exists():
            raise FileExistsError(
                f"{str(self.directory)!r} holds a training that another program has saved, which "
                f"cannot be gone on with exactly: its weights can be loaded, with "
                f'load_checkpoint("last"); train in another directory'
            )

    def loggers(self, *, tensorboard: bool) -> Iterator[Callback]:
        """Yield what logs the epochs."""
        yield AtomicCSVLogger(self.log, separator=_SEPARATOR)
        if tensorboard and find_spec("tensorboard") is not None:
            yield TensorBoardLogger(self.directory / "tensorboard", append=False)
        elif tensorboard:
            _logger.info('no TensorBoard log: pip install "callboard[tensorboard]"')

    def best(
        self, monitor: str, mode: Mode, *, keep_only_last: bool, every_epoch: bool, verbose: bool
    ) -> Callback:
        """Return what saves the weights of the best epochs, and restores the best in the end."""
        choice: dict[str, Any] = {"save_best_only": True, "keep_only_last_best": keep_only_last}
        if every_epoch:
            choice = {"keep": Retention(every=1, best=1)}
        return ModelCheckpoint(
            self._template(_BEST),
            monitor=monitor,
            mode=mode,
            restore_best=True,
            verbose=verbose,
            **choice,
        )

    def every_epoch(self) -> Callback:
        """Return what saves the weights of every epoch."""
        return ModelCheckpoint(self._template(_BEST))

    def last_ones(self) -> Iterator[Callback]:
        """Yield what saves the last epoch, a file for each part of it."""
        yield ModelCheckpoint(self._template(LAST))
        yield OptimizerCheckpoint(self._template("checkpoint.optim"))
        yield RandomStatesCheckpoint(self._template("checkpoint.randomstate"))
        yield PeriodicSaveLambda(_write_epoch, self._template(_LAST_EPOCH), open_mode="w")

    def schedulers(self, schedulers: Iterable[Callback]) -> Iterator[Callback]:
        """Yield the schedulers, each of them with its file."""
        for number, scheduler in zip(count(), schedulers):
            name = self._template(f"lr_sched_{number}.lrsched")
            yield LRSchedulerCheckpoint(scheduler, name)

    def whole_run(self) -> Callback:
        """Return what saves all that is needed to go on."""
        return TrainingCheckpoint(self.run)

    def _template(self, name: str) -> str:
        folder = str(self.directory).replace("{", "{{").replace("}", "}}")
        return f"{folder}/{name}"

    def note_environment(self) -> None:
        """Add what the training runs on to ``environment.json``, one entry for each start."""
        if is_rank_zero():
            _observe("the environment", self._write_environment)

    def _write_environment(self) -> None:
        path = self.directory / _ENVIRONMENT
        earlier = loads(path.read_text("utf-8")) if path.exists() else []
        begun = datetime.now(UTC).isoformat(timespec="seconds")
        with durable_open(path, "w") as file:
            file.write(dumps([*earlier, {"begun": begun, **describe_environment()}], indent=2))

    def draw(self, history: list[dict[str, float]], best: Mapping[str, Mode]) -> None:
        """Draw each metric's curve into ``plots``, as PNG and PDF, where matplotlib is there."""
        if history and is_rank_zero() and find_spec("matplotlib") is not None:
            _observe("the plots", lambda: self._draw(history, best))

    def _draw(self, history: list[dict[str, float]], best: Mapping[str, Mode]) -> None:
        plot_history(
            history,
            best=best,
            save=True,
            save_directory=self.directory / "plots",
            save_extensions=("png", "pdf"),
        )


def _observe(what: str, write: Callable[[], None]) -> None:
    """Write something that no training should fail for."""
    try:
        write()
    except Exception:
        _logger.warning("cannot write %s of the experiment", what, exc_info=True)


def _write_epoch(file: IO[Any], epoch_number: int, logs: Logs) -> None:
    file.write(str(epoch_number))
