# SPDX-License-Identifier: MIT
"""One run, written to in the background."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar

from callbacks_core import BackgroundWorker
from callbacks_core.secrets import redacted

from ..environment import describe_environment
from .breaker import Breaker
from .courier import Courier, ServiceError
from .sending import METRICS_AT_ONCE, PARAMS_AT_ONCE, Reading, Status
from .spool import ARTIFACT, METRIC, PARAM, RUN, STATUS, Entry, Spool
from .tracking import Tracking
from .unsent import send_entries, send_unsent

if TYPE_CHECKING:
    from .service import Service

_logger = logging.getLogger(__name__)

Waiting = TypeVar("Waiting")

CAPACITY: Final = 100_000


class Run:
    """A run to which parameters, metrics, artifacts and a status can be handed at any time.

    A thread sends them, in requests of up to a thousand metrics. After a failure the server is
    left alone for a while, and what it has not taken waits in a file, to be sent when it answers
    again, or else when the next training begins. The first failure is reported, and at the end
    what was not sent.

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
        self.opened = False
        self._tracking = tracking
        self._experiment = experiment
        self._params: deque[tuple[str, str]] = deque()
        self._readings: deque[Reading] = deque()
        self._artifacts: deque[tuple[str, str | None]] = deque()
        self._in_flight: list[Entry] = []
        self._status: Status = "RUNNING"
        self._sent_status: Status | None = None
        self._service: Service | Courier | None = None
        self._worker = BackgroundWorker("the MLflow logger")
        self._breaker = Breaker()
        self._spool: Spool | None = None
        self._last_spool: Spool | None = None  # of an earlier connection
        self._full: list[Spool] = []  # those that nothing is added to any more
        self._lock = Lock()
        self._swept = False
        self._scheduled = False
        self._lost = 0
        self._problem = ""

    def connect(self) -> None:
        """Open the connection, and let the thread send what is handed in.

        Raises:
            HopelessPathError: The database's file can never be written.
            TrackingError: MLflow refuses the tracking URI.
        """
        if self._service is None:
            self._tracking.probe()
            service = Courier(self._tracking)
            if not self._tracking.is_common:  # it takes seconds to ask
                service.check()
            self._service = service
            self._spool = self._next_spool()
            self._breaker = Breaker()
            self._swept = False
            self._lost = 0
            self._problem = ""

    def _next_spool(self) -> Spool:
        """Return a file for this run, which later ones are known to belong to as well."""
        if self._last_spool is not None:
            return self._last_spool.next()
        tracking = self._tracking
        return Spool.new(tracking.unsent(), tracking.resolved(), self._experiment)

    @property
    def connected(self) -> bool:
        """Whether what is handed in is sent."""
        return self._service is not None

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
        if len(self._readings) > CAPACITY:
            self._set_aside()
        self._schedule()

    def log_artifact(self, path: str, folder: str | None = None) -> None:
        """Hand in a file, or a folder with its files.

        Args:
            path: Where it is.
            folder: The folder among the run's artifacts that it goes into.
        """
        self._artifacts.append((path, folder))
        self._schedule()

    def set_status(self, status: Status) -> None:
        """Set the status that the run has once all before it is sent."""
        self._status = status
        self._schedule(at_once=True)

    def flush(self, timeout: float) -> None:
        """Wait until all is sent, or was tried to be, at most *timeout* seconds."""
        self._schedule(at_once=True)
        self._worker.flush(timeout)

    def close(self, timeout: float) -> None:
        """Wait as `flush` does, put aside what was not sent, and let go of the connection."""
        service = self._service
        if service is None:
            return
        done = self._worker.close(timeout)
        self._service = None  # from now on the thread leaves everything as it is
        given_up = list(self._in_flight)
        if not done:
            service.stop()
        self._scheduled = False
        unsent = self._lost + sum(spool.count for spool in self._spools())
        unsent += len(self._params) + len(self._readings) + len(self._artifacts)
        unsent += len(given_up)
        if unsent or self._sent_status != self._status:
            self._set_aside(given_up, (RUN, self.id), (STATUS, self._status))
            self._tell(unsent)
        for spool in self._spools():
            spool.release()
        self._full, self._last_spool, self._spool = [], self._spool, None

    def _spools(self) -> list[Spool]:
        return [*self._full, *([] if self._spool is None else [self._spool])]

    def _tell(self, unsent: int) -> None:
        kept = [str(spool.path) for spool in self._spools() if spool.count]
        _logger.warning(
            "MLflow run %s is incomplete: %d values were not sent, its status is %s%s%s",
            self.id or "(not made)",
            unsent,
            self._sent_status or "unknown",
            f" ({self._problem})" if self._problem else "",
            f". What is missing is kept in {', '.join(kept)} and sent when the next training begins"
            if kept
            else "",
        )

    def _schedule(self, *, at_once: bool = False) -> None:
        ready = at_once or self._breaker.lets_pass
        if self._service is not None and not self._scheduled and ready:
            self._scheduled = self._worker.submit(self._send)

    def _send(self) -> None:
        self._scheduled = False
        service = self._service
        if service is None:
            return
        try:
            run = self._open(service)
            self._send_set_aside(service, run)
            self._send_waiting(self._params, PARAM, PARAMS_AT_ONCE, service.send_params, run)
            self._send_waiting(self._readings, METRIC, METRICS_AT_ONCE, service.send_metrics, run)
            self._send_waiting(self._artifacts, ARTIFACT, 1, service.send_artifacts, run)
            if self._status != self._sent_status:
                status = self._status
                service.send_status(run, status)
                self._sent_status = status
            self._breaker.worked()
            self._sweep(service)
        except Exception as error:
            if self._service is service:  # otherwise it was given up meanwhile, and that was told
                self._failed(error)

    def _open(self, service: Service | Courier) -> str:
        if not self.opened:
            self.id = service.open_run(self._experiment, self.id, _environment_tags())
            self._sent_status = "RUNNING"
            self.opened = True
        return str(self.id)

    def _send_waiting(
        self,
        waiting: deque[Waiting],
        kind: str,
        most: int,
        send: Callable[[str, Sequence[Waiting]], None],
        run: str,
    ) -> None:
        while chunk := [waiting.popleft() for _ in range(min(most, len(waiting)))]:
            self._in_flight = [(kind, *entry) for entry in chunk]  # type: ignore[misc]  # tuples
            try:
                send(run, chunk)
            except Exception:
                if self._service is not None:
                    waiting.extendleft(reversed(chunk))
                raise
            finally:
                self._in_flight = []

    def _send_set_aside(self, service: Service | Courier, run: str) -> None:
        with self._lock:  # what is set aside meanwhile goes into another file
            if self._spool is not None and self._spool.count:
                self._full.append(self._spool)
                self._spool = self._spool.next()
        while self._full:
            send_entries(service, run, self._full[0].read())
            self._full.pop(0).remove()

    def _set_aside(self, given_up: Iterable[Entry] = (), *last: Entry) -> None:
        """Write what waits into a file, from where it is sent before anything newer."""
        entries = list(given_up)
        for waiting, kind in (
            (self._params, PARAM),
            (self._readings, METRIC),
            (self._artifacts, ARTIFACT),
        ):
            while waiting:
                entries.append((kind, *waiting.popleft()))
        entries += last
        with self._lock:
            try:
                if self._spool is not None:
                    self._spool.append(entries)
            except OSError as error:
                self._lost += len(entries)
                _logger.warning("%d values for MLflow are lost: %s", len(entries), error)

    def _sweep(self, service: Service | Courier) -> None:
        """Send what earlier trainings could not."""
        if self._swept:
            return
        self._swept = True
        try:
            send_unsent(service, self._tracking)
        except Exception as error:
            _logger.warning(
                "what earlier trainings left could not be sent: %s", redacted(str(error))
            )

    def __getstate__(self) -> dict[str, object]:
        """Copy and pickle what it is and what waits for it, without what is under way."""
        names = ("id", "opened", "_tracking", "_experiment", "_params", "_readings", "_artifacts")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, object]) -> None:
        """Take up what `__getstate__` returned."""
        self.__init__(state["_tracking"], state["_experiment"])  # type: ignore[misc]
        vars(self).update(state)

    def _failed(self, error: Exception) -> None:
        self._breaker.failed()
        kind = "" if isinstance(error, ServiceError) else f"{type(error).__name__}: "
        problem = redacted(f"{kind}{error}")
        if not self._problem:
            _logger.warning(
                "MLflow did not take what it was sent; training goes on, and it is tried again "
                "later: %s",
                problem,
            )
        self._problem = problem
        self._set_aside()


def _environment_tags() -> dict[str, str]:
    facts = describe_environment()
    commit = facts.pop("git commit")
    tags = {f"environment.{name}": value for name, value in facts.items()}
    return tags if commit == "none" else {**tags, "mlflow.source.git.commit": commit}
