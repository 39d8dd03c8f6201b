# SPDX-License-Identifier: MIT
"""What is done with MLflow itself: in a process of its own, or in this one.

MLflow takes about 80 µs of Python for a metric that goes into a database, during which no other
thread of its process runs, and seconds to be imported. In another process neither is in training's
way, and one that hangs can be ended.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, Final

from callbacks_core.secrets import redacted

from .experiment import open_run
from .sending import Reading, Status, send_artifacts, send_metrics, send_params, send_status
from .tracking import Tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient

SETTINGS: Final = "MLFLOW_"
"""Environment variables that begin so are handed over with each request."""


class Service:
    """Does with MLflow what it is asked to.

    Args:
        tracking: Where runs are kept.
    """

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking
        self._client: MlflowClient | None = None

    def check(self) -> None:
        """See whether MLflow can do something with the tracking URI.

        Raises:
            TrackingError: It cannot.
        """
        self._connected()

    def _connected(self) -> MlflowClient:
        if self._client is None:
            self._client = self._tracking.client()
        return self._client

    def open_run(self, experiment: str, run: str | None, tags: Mapping[str, str]) -> str:
        """Return the id of a run that is running from now on; see `experiment.open_run`."""
        return open_run(self._connected(), self._tracking, experiment, run, tags)

    def send_metrics(self, run: str, readings: Sequence[Reading]) -> None:
        """Send up to a thousand readings."""
        send_metrics(self._connected(), run, readings)

    def send_params(self, run: str, params: Sequence[tuple[str, str]]) -> None:
        """Send up to a hundred parameters."""
        send_params(self._connected(), run, params)

    def send_artifacts(self, run: str, artifacts: Sequence[tuple[str, str | None]]) -> None:
        """Send files, and folders with their files."""
        send_artifacts(self._connected(), run, artifacts)

    def send_status(self, run: str, status: Status) -> None:
        """Set the status of a run."""
        send_status(self._connected(), run, status)

    def stop(self) -> None:
        """End what hangs: nothing can be done about it in this process."""


class _Said(logging.Handler):
    """Keeps what is logged while a request is answered, to be logged where it came from."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.said.append(record.getMessage())


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Answer requests, a JSON object a line each, until there are no more."""
    services: dict[str, Service] = {}
    handler = _Said()
    logging.getLogger("callbacks_logging").addHandler(handler)
    for line in requests:
        handler.said = []
        answer = _answer(json.loads(line), services)
        answers.write(json.dumps({**answer, "said": handler.said}) + "\n")
        answers.flush()


def _answer(request: dict[str, Any], services: dict[str, Service]) -> dict[str, Any]:
    try:
        _move_to(request)
        uri = request["uri"]
        service = services.get(uri) or services.setdefault(uri, Service(Tracking.trusted(uri)))
        return {"result": getattr(service, request["call"])(*request["arguments"])}
    except Exception as error:
        text = redacted(f"{type(error).__name__}: {error}")
        return {"error": text, "kind": type(error).__name__, "text": redacted(str(error))}


def _move_to(request: dict[str, Any]) -> None:
    """Take on the place, the settings and the name of the program that asks."""
    os.chdir(request["folder"])
    for name in [name for name in os.environ if name.startswith(SETTINGS)]:
        del os.environ[name]
    os.environ.update(request["settings"])
    sys.argv[0] = request["program"]


def main() -> None:
    """Answer the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is the other one's to act on
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what MLflow prints is no answer
    sys.stdout = sys.stderr
    requests = os.fdopen(0, "r", encoding="utf-8", closefd=False)
    serve(requests, answers)


if __name__ == "__main__":
    main()
