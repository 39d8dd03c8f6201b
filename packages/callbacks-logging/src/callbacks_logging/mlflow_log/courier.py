# SPDX-License-Identifier: MIT
"""The way to the process in which MLflow is at work."""

from __future__ import annotations

import atexit
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, cast

from .sending import Reading, Status
from .service import SETTINGS
from .tracking import Tracking, TrackingError

_logger = logging.getLogger(__name__)


class ServiceError(Exception):
    """MLflow, or the process in which it is at work, failed."""


class Courier:
    """Does what `service.Service` does, by asking another process to.

    Args:
        tracking: Where runs are kept.
    """

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking
        self._process = _process_for(tracking)

    def check(self) -> None:
        """See whether MLflow can do something with the tracking URI.

        Raises:
            TrackingError: MLflow refuses the URI.
        """
        try:
            self._ask("check")
        except ServiceError as error:
            _logger.warning("MLflow could not be asked about its tracking URI: %s", error)

    def open_run(self, experiment: str, run: str | None, tags: Mapping[str, str]) -> str:
        """Return the id of a run that is running from now on."""
        return str(self._ask("open_run", experiment, run, tags))

    def send_metrics(self, run: str, readings: Sequence[Reading]) -> None:
        """Send up to a thousand readings."""
        self._ask("send_metrics", run, readings)

    def send_params(self, run: str, params: Sequence[tuple[str, str]]) -> None:
        """Send up to a hundred parameters."""
        self._ask("send_params", run, params)

    def send_artifacts(self, run: str, artifacts: Sequence[tuple[str, str | None]]) -> None:
        """Send files, and folders with their files."""
        self._ask("send_artifacts", run, artifacts)

    def send_status(self, run: str, status: Status) -> None:
        """Set the status of a run."""
        self._ask("send_status", run, status)

    def stop(self) -> None:
        """End the process, because it hangs; the next request starts another one."""
        self._process.kill()

    def _ask(self, call: str, *arguments: object) -> object:
        answer = self._process.ask(
            {
                "uri": self._tracking.resolved(),
                "call": call,
                "arguments": arguments,
                "folder": os.getcwd(),
                "program": sys.argv[0] if sys.argv else "",
                "settings": {k: v for k, v in os.environ.items() if k.startswith(SETTINGS)},
            }
        )
        for message in answer["said"]:
            _logger.warning("%s", message)
        if "error" not in answer:
            return answer["result"]
        if answer["kind"] == TrackingError.__name__:
            raise TrackingError(answer["text"])
        raise ServiceError(answer["error"])


class _Process:
    """A process that answers one request after another; it starts with the first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def ask(self, request: dict[str, object]) -> dict[str, Any]:
        """Return the answer to a request; if the process dies over it, another one is asked once.

        What the first one had done already is done again. MLflow's databases take the same value of
        the same step and time for one; a folder has it twice then, and a run that was just being
        made may be there a second time, empty.

        Raises:
            ServiceError: The process could not be started, has ended twice, or was ended by `kill`.
        """
        with self._lock:
            try:
                line = self._exchange(request)
                if not line and self._process is not None:
                    self.kill()
                    line = self._exchange(request)
            except OSError as error:
                raise ServiceError(f"the process with MLflow in it: {error}") from error
            if not line:
                raise ServiceError("the process with MLflow in it has ended")
            return cast("dict[str, Any]", json.loads(line))

    def _exchange(self, request: dict[str, object]) -> str:
        """Return the line that answers, or an empty one from a process that has ended."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            return ""
        return process.stdout.readline()

    def _started(self) -> subprocess.Popen[str]:
        process = self._process
        if process is not None and process.poll() is None:
            return process
        self.kill()
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.service"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the training
        )
        return self._process

    def kill(self) -> None:
        """End the process, if there is one; whoever waits for an answer is told so."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError, ValueError):
                        pipe.close()


_processes: Final[dict[tuple[int, str], _Process]] = {}
"""By process, since a fork must not share them: one for all databases, one for each server."""


def _process_for(tracking: Tracking) -> _Process:
    key = (os.getpid(), tracking.server() or "")
    return _processes.setdefault(key, _Process())


@atexit.register
def _end_processes() -> None:
    for (owner, _), process in _processes.items():
        if owner == os.getpid():
            process.kill()
