# SPDX-License-Identifier: MIT
"""One run, written to in the background."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias, TypeVar

from callbacks_core import BackgroundWorker
from callbacks_core.secrets import redacted

from .experiment import open_run
from .tracking import Tracking, silence

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Param

_logger = logging.getLogger(__name__)

Entry = TypeVar("Entry")
Status: TypeAlias = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]

CAPACITY: Final = 100_000
_METRICS_AT_ONCE: Final = 1000
_PARAMS_AT_ONCE: Final = 100
_FINAL: Final = frozenset({"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_ALREADY_EXISTS"})
"""Answers that would be the same the next time."""


class Reading(NamedTuple):
    """A metric's value at a step; the timestamp is in milliseconds."""

    name: str
    value: float
    timestamp: int
    step: int


class Run:
    """A run to which parameters, metrics and a status can be handed at any time.

    A thread sends them, in requests of up to a thousand metrics. What the server does not take
    waits and is sent with the next; beyond a hundred thousand metrics the oldest are given up.
    The first failure is reported, and at the end what was lost.

    Args:
        tracking: Where the run is kept.
        experiment: The name of its experiment.
        id: The run's id; without one a run is made with the first request.

    Attributes:
        id: The run's id, as soon as there is one.
        opened: Whether the server knows the run.
    """

    def __init__(self, tracking: Tracking, experiment: str, id: str | None = None) -> None:
        self.id = id
        self._tracking = tracking
        self._experiment = experiment
        self.opened = False
        self._params: deque[tuple[str, str]] = deque()
        self._readings: deque[Reading] = deque()
        self._status: Status = "RUNNING"
        self._sent_status: Status | None = None
        self._client: MlflowClient | None = None
        self._worker = BackgroundWorker("the MLflow logger")
        self._scheduled = False
        self._lost = 0
        self._problem = ""

    def connect(self) -> None:
        """Open the connection, and let the thread send what is handed in.

        Raises:
            HopelessPathError: The database's file can never be written.
            TrackingError: MLflow refuses the tracking URI.
        """
        if self._client is None:
            self._client = self._tracking.client()
            self._lost = 0
            self._problem = ""

    @property
    def connected(self) -> bool:
        """Whether what is handed in is sent."""
        return self._client is not None

    def begin(self) -> None:
        """Connect, and let the run be a running one, made anew or gone on with."""
        self.connect()
        self.opened = False
        self._status = "RUNNING"
        self._schedule()

    def log_params(self, params: Iterable[tuple[str, str]]) -> None:
        """Hand in parameters."""
        self._params.extend(params)
        self._schedule()

    def log_metrics(self, readings: Iterable[Reading]) -> None:
        """Hand in metrics."""
        self._readings.extend(readings)
        while len(self._readings) > CAPACITY:
            self._readings.popleft()
            self._lost += 1
        self._schedule()

    def set_status(self, status: Status) -> None:
        """Set the status that the run has once all before it is sent."""
        self._status = status
        self._schedule()

    def flush(self, timeout: float) -> None:
        """Wait until all is sent, or was tried to be, at most *timeout* seconds."""
        self._worker.flush(timeout)

    def close(self, timeout: float) -> None:
        """Wait as `flush` does, tell what was lost, and let go of thread and connection."""
        if self._client is None:
            return
        self._worker.close(timeout)
        self._client = None
        self._scheduled = False
        lost = self._lost + len(self._readings) + len(self._params)
        if lost or self._sent_status != self._status:
            _logger.warning(
                "MLflow run %s is incomplete: %d values were not sent, its status is %s%s",
                self.id or "(not made)",
                lost,
                self._sent_status or "unknown",
                f" ({self._problem})" if self._problem else "",
            )

    def _schedule(self) -> None:
        if self._client is not None and not self._scheduled:
            self._scheduled = self._worker.submit(self._send)

    def _send(self) -> None:
        self._scheduled = False
        client = self._client
        if client is None:
            return
        try:
            if not self.opened:
                self.id = open_run(client, self._tracking, self._experiment, self.id)
                self._sent_status = "RUNNING"
                self.opened = True
            self._send_params(client, str(self.id))
            self._send_metrics(client, str(self.id))
            if self._status != self._sent_status:
                status = self._status
                with silence():
                    client.set_terminated(str(self.id), status)
                self._sent_status = status
        except Exception as error:
            self._failed(error)

    def _send_params(self, client: MlflowClient, run: str) -> None:
        from mlflow.entities import Param

        while chunk := _taken(self._params, _PARAMS_AT_ONCE):
            entities = [Param(*pair) for pair in chunk]
            try:
                client.log_batch(run, params=entities)
            except Exception as error:
                if not _is_final(error):
                    self._params.extendleft(reversed(chunk))
                    raise
                for entity in entities:
                    self._send_param(client, run, entity)

    def _send_param(self, client: MlflowClient, run: str, param: Param) -> None:
        try:
            client.log_batch(run, params=[param])
        except Exception as error:
            if not _is_final(error):
                raise
            self._refused(f"the parameter {param.key!r}", error)

    def _send_metrics(self, client: MlflowClient, run: str) -> None:
        from mlflow.entities import Metric

        while chunk := _taken(self._readings, _METRICS_AT_ONCE):
            try:
                client.log_batch(run, metrics=[Metric(*reading) for reading in chunk])
            except Exception as error:
                if not _is_final(error):
                    self._readings.extendleft(reversed(chunk))
                    raise
                self._refused(f"{len(chunk)} metrics", error)

    def _refused(self, what: str, error: Exception) -> None:
        _logger.warning("MLflow refused %s: %s", what, redacted(str(error)))

    def _failed(self, error: Exception) -> None:
        problem = redacted(f"{type(error).__name__}: {error}")
        if not self._problem:
            _logger.warning(
                "MLflow did not take what it was sent; training goes on, and it is tried again "
                "later: %s",
                problem,
            )
        self._problem = problem


def _taken(waiting: deque[Entry], most: int) -> list[Entry]:
    """Take up to *most* entries; others may add to them meanwhile."""
    return [waiting.popleft() for _ in range(min(most, len(waiting)))]


def _is_final(error: Exception) -> bool:
    """Whether the answer would be the same the next time."""
    return getattr(error, "error_code", None) in _FINAL
