# SPDX-License-Identifier: MIT
"""The callback that logs to MLflow."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from callbacks_core import Callback, is_rank_zero

from .._learning_rates import LearningRates
from .._waiting import read_all
from .names import accepted, as_text, flattened
from .run import Reading, Run, Status
from .tracking import Tracking

if TYPE_CHECKING:
    from callbacks_core import FailurePolicy, Logs, State

_CHUNK: Final = 256
_SECONDS: Final = 1.0
_NOT_METRICS: Final = frozenset({"epoch", "batch", "size"})


class MLFlowLogger(Callback):
    """Log each training as a run of an MLflow experiment.

    The values of each epoch become metrics, with the epoch as their step: ``time``, ``loss``, the
    metrics, those with ``val_``, and the learning rate with which the epoch was trained. A test
    adds ``test_`` metrics to the run. At the end there is ``last-epoch``, and the run is
    ``FINISHED``, or ``FAILED`` after an exception and ``KILLED`` after Ctrl-C.

    Requests are sent by a thread of their own: training never waits for a server and goes on
    without it. Training again from the first epoch makes a new run; from a later one, or with a
    restored state, it goes on with the same. Only the process of rank zero logs.

    Args:
        experiment_name: The experiment, which is made if it is not there, and restored if it was
            deleted.
        tracking_uri: A server (``"http://host:5000"``), a database (``"sqlite:///mlflow.db"``) or,
            where the installed MLflow still allows it, a folder; by default what MLflow takes.
        batch_granularity: Whether to log each batch too, under ``batch/loss`` and so on, with the
            number of batches since training began as the step.
        timeout: How many seconds to wait, at the end, for what is not sent yet.

    Raises:
        ImportError: MLflow is not installed.
        TypeError: An argument is of the wrong kind.
        ValueError: *experiment_name* is empty, *timeout* negative or not finite, or
            *tracking_uri* a folder that the installed MLflow refuses.
    """

    on_error: FailurePolicy = "disable"

    def __init__(
        self,
        experiment_name: str,
        tracking_uri: str | os.PathLike[str] | None = None,
        batch_granularity: bool = False,
        *,
        timeout: float = 30.0,
    ) -> None:
        if not isinstance(experiment_name, str):
            raise TypeError(f"`experiment_name` must be a str, not {experiment_name!r}")
        if not experiment_name.strip():
            raise ValueError("`experiment_name` must not be empty")
        if isinstance(timeout, bool) or not isinstance(timeout, int | float):
            raise TypeError(f"`timeout` must be a number of seconds, not {timeout!r}")
        if not 0 <= timeout < inf:
            raise ValueError(f"`timeout` must be zero or more, and finite, not {timeout!r}")
        self.experiment_name = experiment_name
        self.batch_granularity = batch_granularity
        self.timeout = timeout
        self._tracking = Tracking(tracking_uri)
        self._run = Run(self._tracking, experiment_name)
        self._steps = {"train": 0, "valid": 0}
        self._restored = False
        self._trained = False
        self._reset()

    def _reset(self) -> None:
        self._active = False
        self._begun = False  # the run is a running one, and its end is to be told
        self._last_epoch = 0
        self._rates = LearningRates()
        self._batches: list[_Batch] = []
        self._due = 0.0

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

    def _log_params(self, params: Mapping[str, str]) -> None:
        if is_rank_zero():
            with self._sending():
                self._run.log_params(params.items())

    @contextmanager
    def _sending(self) -> Iterator[None]:
        """Send what is handed in to a run that has ended; otherwise it goes with the rest."""
        after = self._run.opened and not self._run.connected
        if after:
            self._run.connect()
        yield
        if after:
            self._run.close(self.timeout)

    def listens_to(self, hook: str) -> bool:
        """Whether *hook* matters; the ends of batches do when they are logged."""
        if hook in ("on_train_batch_end", "on_valid_batch_end"):
            return self.batch_granularity
        return super().listens_to(hook)

    def on_train_begin(self, logs: Logs) -> None:
        """Open the connection.

        Raises:
            HopelessPathError: The database's file can never be written.
            TrackingError: MLflow refuses the tracking URI.
        """
        self._reset()
        self._active = is_rank_zero()
        if self._active:
            self._run.connect()

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Begin the run with its first epoch."""
        if not self._active:
            return
        self._rates.begin(self.model)
        if not self._begun:
            if self._trained and epoch_number == 1 and not self._restored:
                self._run.close(self.timeout)
                self._run = Run(self._tracking, self.experiment_name)
                self._steps = {"train": 0, "valid": 0}
            self._restored = False
            self._trained = self._begun = True
            self._run.begin()

    def on_backward_end(self, batch_number: int) -> None:
        """Remember the learning rates of the step."""
        if self._active:
            self._rates.step()

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Keep the values of the batch, and hand in those kept when it is time."""
        self._keep("train", logs)

    def on_valid_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Keep the values of the batch, and hand in those kept when it is time."""
        self._keep("valid", logs)

    def _keep(self, phase: str, logs: Logs) -> None:
        if not self._begun:
            return
        self._steps[phase] += 1
        self._batches.append(_Batch(self._steps[phase], _now(), logs))
        now = time.perf_counter()
        if len(self._batches) >= _CHUNK or now >= self._due:
            self._due = now + _SECONDS
            self._hand_in_batches()

    def _hand_in_batches(self) -> None:
        batches, self._batches = self._batches, []
        numbers = read_all([batch.logs for batch in batches])
        for batch, values in zip(batches, numbers, strict=True):
            self._run.log_metrics(_readings(values, batch.step, batch.timestamp, "batch/"))

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Hand in the values of the epoch."""
        if not self._begun:
            return
        self._last_epoch = epoch_number
        self._hand_in_batches()
        self._run.log_metrics(_readings({**logs, **self._rates.values()}, epoch_number, _now()))

    def on_train_end(self, logs: Logs) -> None:
        """End the run well."""
        self._end("FINISHED")

    def on_test_begin(self, logs: Logs) -> None:
        """Go on with the run, or begin one for the test.

        Raises:
            HopelessPathError: The database's file can never be written.
            TrackingError: MLflow refuses the tracking URI.
        """
        self._reset()
        self._active = self._begun = is_rank_zero()
        if self._active:
            self._restored = False
            self._run.begin()

    def on_test_end(self, logs: Logs) -> None:
        """Hand in the values of the test, and end the run well."""
        if self._begun:
            self._run.log_metrics(_readings(logs, 0, _now()))
            self._end("FINISHED")

    def on_exception(self, exception: BaseException) -> None:
        """End the run as one that failed or was interrupted."""
        self._end("FAILED" if isinstance(exception, Exception) else "KILLED")

    def _end(self, status: Status) -> None:
        if not self._begun:
            return
        self._begun = False
        self._hand_in_batches()
        if self._last_epoch:
            self._run.log_metrics([Reading("last-epoch", float(self._last_epoch), _now(), 0)])
        self._run.set_status(status)

    def close(self) -> None:
        """Wait for what is not sent yet, but not for ever, and close the connection."""
        self._end("FINISHED")
        self._active = False
        self._rates = LearningRates()
        self._run.close(self.timeout)

    def state_dict(self) -> State:
        """Return the run's id, to go on with it, and the numbers of batches."""
        return {"run_id": self._run.id, "steps": dict(self._steps)} if self._run.id else {}

    def load_state_dict(self, state: State) -> None:
        """Go on with a run when training begins next."""
        if "run_id" in state:
            self._run = Run(self._tracking, self.experiment_name, str(state["run_id"]))
            self._steps = dict(state["steps"])
            self._restored = True


class _Batch(NamedTuple):
    step: int
    timestamp: int
    logs: Mapping[str, float]


def _readings(
    values: Mapping[str, float], step: int, timestamp: int, prefix: str = ""
) -> list[Reading]:
    return [
        Reading(accepted(f"{prefix}{name}"), float(value), timestamp, step)
        for name, value in values.items()
        if name not in _NOT_METRICS and isinstance(value, int | float)
    ]


def _now() -> int:
    return time.time_ns() // 1_000_000
