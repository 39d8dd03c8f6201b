# SPDX-License-Identifier: MIT
"""The callback that logs to MLflow."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from math import inf
from typing import TYPE_CHECKING, Final

from callbacks_core import as_path, is_rank_zero

from ..base import Batches, Logger, Outcome
from .models import save_model
from .names import accepted, as_text, flattened
from .run import Run
from .sending import Reading, Status
from .tracking import Tracking

if TYPE_CHECKING:
    from callbacks_core import PathLike, State

_NOT_METRICS: Final = frozenset({"epoch", "batch", "size"})
_STATUS: Final[dict[Outcome, Status]] = {
    "finished": "FINISHED",
    "failed": "FAILED",
    "interrupted": "KILLED",
}


class MLFlowLogger(Logger):
    """Log each training as a run of an MLflow experiment.

    The values of each epoch become metrics, with the epoch as their step: ``time``, ``loss``, the
    metrics, those with ``val_``, and the learning rate with which the epoch was trained. A test
    adds ``test_`` metrics to the run. At the end there is ``last-epoch``, and the run is
    ``FINISHED``, or ``FAILED`` after an exception and ``KILLED`` after Ctrl-C.

    Requests are sent by a thread of their own: training never waits for a server and goes on
    without it. What a server does not take waits in a file, and is sent when it answers again, or
    else when the next training begins. Training again from the first epoch makes a new run; from
    a later one, or with a restored state, it goes on with the same. Only the process of rank zero
    logs.

    Args:
        experiment_name: The experiment, which is made if it is not there, and restored if it was
            deleted.
        tracking_uri: A server (``"http://host:5000"``), a database (``"sqlite:///mlflow.db"``) or,
            where the installed MLflow still allows it, a folder; by default what MLflow takes.
        batch_granularity: Whether to log each batch too, under ``batch/loss`` and so on, with the
            number of batches since training began as the step.
        artifacts: Files and folders that are logged when training has ended and all callbacks
            have seen its end: the best checkpoint, a picture, a configuration. Those that are
            not there then are told.
        model_name: The folder among the run's artifacts in which the network is logged as a model
            of MLflow's when training has ended well, with the weights that it has then; by
            default it is not.
        input_example: An input for the network, from which the model's signature is inferred.
        run_id: The id of a run to go on with; by default a new one is made.
        timeout: How many seconds to wait, at the end, for what is not sent yet.
        unsent: The folder for what a server has not taken; by default ``mlflow-unsent``, beside
            the file of a database or else in the working directory.

    Raises:
        ImportError: MLflow is not installed.
        TypeError: An argument is of the wrong kind.
        ValueError: *experiment_name*, *run_id* or *model_name* is empty, *timeout* negative or not
            finite, or *tracking_uri* a folder that the installed MLflow refuses.
    """

    _grace = 2.0

    def __init__(
        self,
        experiment_name: str,
        tracking_uri: str | os.PathLike[str] | None = None,
        batch_granularity: bool = False,
        *,
        artifacts: Sequence[PathLike] = (),
        model_name: str | None = None,
        input_example: object = None,
        run_id: str | None = None,
        timeout: float = 30.0,
        unsent: PathLike | None = None,
    ) -> None:
        _check_text("experiment_name", experiment_name)
        if model_name is not None:
            _check_text("model_name", model_name)
        if run_id is not None:
            _check_text("run_id", run_id)
        if isinstance(timeout, bool) or not isinstance(timeout, int | float):
            raise TypeError(f"`timeout` must be a number of seconds, not {timeout!r}")
        if not 0 <= timeout < inf:
            raise ValueError(f"`timeout` must be zero or more, and finite, not {timeout!r}")
        if isinstance(artifacts, str | os.PathLike):
            raise TypeError(f"`artifacts` must be several paths: write [{artifacts!r}]")
        self.experiment_name = experiment_name
        self.batch_granularity = batch_granularity
        self.model_name = model_name
        self.input_example = input_example
        self.timeout = timeout
        self._artifacts = [str(as_path("artifacts", path).absolute()) for path in artifacts]
        self._tracking = Tracking(tracking_uri, unsent)
        self._run = Run(self._tracking, experiment_name, run_id)
        self._trained = self._awaited = False
        self._last_epoch = 0
        self._ended: Outcome = "finished"

    @property
    def tracking_uri(self) -> str | None:
        """Where runs are kept, without a user and a password; None is MLflow's default."""
        return self._tracking.uri

    @property
    def run_id(self) -> str | None:
        """The run's id, which is made now if there is none; None if the server does not answer."""
        if self._run.id is None and is_rank_zero():
            self._run.begin()
            self._run.flush(self.timeout)
        return self._run.id

    def log_config_params(self, config_params: Mapping[str, object] | Sequence[object]) -> None:
        """Log a configuration as parameters of the run, with names such as ``optimizer.lr``.

        Before training they wait for the run; MLflow allows no other value for a name later.

        Args:
            config_params: Mappings and sequences within each other.

        Raises:
            TypeError: They are neither.
        """
        self._log_params(flattened(config_params))

    def log_param(self, param_name: str, value: object) -> None:
        """Log a parameter of the run.

        Args:
            param_name: Its name.
            value: Its value, of which the text is kept.

        Raises:
            TypeError: *param_name* is not a string.
            ValueError: It is empty.
        """
        self._log_params({accepted(param_name): as_text(value)})

    def log_metric(self, metric_name: str, value: float, step: int | None = None) -> None:
        """Log a value of a metric.

        Args:
            metric_name: Its name.
            value: The value.
            step: The step that it belongs to; 0 if left out.

        Raises:
            TypeError: *metric_name* is not a string.
            ValueError: It is empty.
        """
        reading = Reading(accepted(metric_name), float(value), _now(), step or 0)
        if is_rank_zero():
            with self._sending():
                self._run.log_metrics([reading])

    def log_artifact(self, path: PathLike, folder: str | None = None) -> None:
        """Log a file, or a folder with its files.

        Args:
            path: Where it is.
            folder: The folder among the run's artifacts that it goes into.

        Raises:
            TypeError: *path* is neither a str nor a path.
            ValueError: It is empty.
        """
        place = str(as_path("path", path).absolute())
        if is_rank_zero():
            with self._sending():
                self._run.log_artifact(place, folder)

    def _log_params(self, params: Mapping[str, str]) -> None:
        if is_rank_zero():
            with self._sending():
                self._run.log_params(params.items())

    @contextmanager
    def _sending(self) -> Iterator[None]:
        """Send what is handed in to a run that has ended; otherwise it goes with the rest."""
        after = self._trained and not self._run.connected
        if after:
            self._run.connect()
        yield
        if after:
            self._run.close(self.timeout)

    def open(self, *, training: bool) -> None:
        """Open the connection.

        Raises:
            HopelessPathError: The database's file can never be written.
            TrackingError: MLflow refuses the tracking URI.
        """
        self._last_epoch = 0
        if training:
            self._run.connect()
        else:
            self._run.begin()

    def begin(self, epoch: int, *, resumed: bool) -> None:
        """Begin a run, or go on with the one there is."""
        if self._trained and not resumed:
            self._run.close(self.timeout)
            self._run = Run(self._tracking, self.experiment_name)
        self._trained, self._awaited = True, False
        self._run.begin()

    def write_batches(self, batches: Batches) -> None:
        """Hand in the values of some batches."""
        self._run.log_metrics(_of_batches(batches))

    def write_valid_batches(self, batches: Batches) -> None:
        """Hand in the values of some batches of the validation."""
        self._run.log_metrics(_of_batches(batches))

    def write_epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Hand in the values of the epoch."""
        self._last_epoch = epoch
        self._run.log_metrics(_of(values, epoch))

    def write_test(self, values: dict[str, float]) -> None:
        """Hand in the values of the test."""
        self._run.log_metrics(_of(values, 0))

    def finish(self, outcome: Outcome) -> None:
        """Set the status, and wait for what is not sent yet, but not for ever."""
        self._ended = outcome
        if self._last_epoch:
            self._run.log_metrics([Reading("last-epoch", float(self._last_epoch), _now(), 0)])
        self._run.set_status(_STATUS[outcome])
        self._run.close(self.timeout)

    def conclude(self) -> None:
        """Log the artifacts, and the model."""
        artifacts: list[tuple[str, str | None]] = [(path, None) for path in self._artifacts]
        with ExitStack() as until_sent:
            if self.model_name is not None and self._ended == "finished":
                saved = save_model(self.model.network, self.input_example)
                artifacts.append((str(until_sent.enter_context(saved)), self.model_name))
            if artifacts:
                with self._sending():
                    for path, folder in artifacts:
                        self._run.log_artifact(path, folder)

    def sink_state(self) -> State:
        """Return the run's id, to go on with it; the first time it is waited for."""
        if self._run.id is None and self._run.connected and not self._awaited:
            self._awaited = True  # a server that does not answer is not asked at every save
            self._run.flush(self.timeout)
        return {"run_id": self._run.id} if self._run.id else {}

    def load_sink_state(self, state: State) -> None:
        """Go on with a run when training begins next."""
        if "run_id" in state:
            self._run = Run(self._tracking, self.experiment_name, str(state["run_id"]))


def _check_text(argument: str, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"`{argument}` must be a str, not {value!r}")
    if not value.strip():
        raise ValueError(f"`{argument}` must not be empty")


def _of(values: Mapping[str, float], step: int) -> list[Reading]:
    now = _now()
    return [
        Reading(accepted(name), float(value), now, step)
        for name, value in values.items()
        if name not in _NOT_METRICS and isinstance(value, int | float)
    ]


def _of_batches(batches: Batches) -> Iterator[Reading]:
    now = int(batches.recorded_at * 1000)
    for name, numbers in batches.columns.items():
        if name in _NOT_METRICS:
            continue
        metric = accepted(f"batch/{name}")
        for step, number in zip(batches.steps, numbers, strict=True):
            yield Reading(metric, float(number), now, step)


def _now() -> int:
    return time.time_ns() // 1_000_000
