# SPDX-License-Identifier: MIT
"""A thread for what must not hold up training: requests to servers, messages to people."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

from ._logger import logger

if TYPE_CHECKING:
    import queue
    import threading

Job: TypeAlias = Callable[[], object]


class BackgroundWorker:
    """Runs jobs one after another in a thread of its own, and never blocks who hands them in.

    The queue is bounded: what does not fit is dropped and counted. The first job that raises is
    reported with its traceback, later ones are counted. The thread is a daemon, so a job that
    hangs for ever does not keep the process from ending; it starts with the first job, and anew
    after a fork or after `close`.

    Args:
        name: What the thread is called in reports.
        capacity: How many jobs may wait.

    Attributes:
        dropped: How many jobs were dropped because too many were waiting.
        failed: How many jobs raised.
    """

    def __init__(self, name: str, *, capacity: int = 1000) -> None:
        self.name = name
        self.capacity = capacity
        self.dropped = 0
        self.failed = 0
        self._start_anew()

    def _start_anew(self) -> None:
        import queue  # here and below: most runs have no worker, and threads take time to import

        self._queue: queue.Queue[Job | None] = queue.Queue(self.capacity)
        self._thread: threading.Thread | None = None
        self._process = os.getpid()

    def submit(self, job: Job) -> bool:
        """Hand in *job* and return at once; False when it had to be dropped."""
        import queue
        import threading

        if self._process != os.getpid():
            self._start_anew()
        if self._thread is None:
            self._thread = threading.Thread(
                target=_work, args=(self, self._queue), name=self.name, daemon=True
            )
            self._thread.start()
        try:
            self._queue.put_nowait(job)
        except queue.Full:
            self.dropped += 1
            if self.dropped == 1:
                logger().warning("%s cannot keep up: what it has no room for is lost", self.name)
            return False
        return True

    def flush(self, timeout: float) -> bool:
        """Wait until everything handed in is done, at most *timeout* seconds; whether it is."""
        if self._process != os.getpid():
            return True  # what the parent process handed in is the parent's to do
        deadline = monotonic() + timeout
        done = self._queue.all_tasks_done
        with done:
            while self._queue.unfinished_tasks:
                left = deadline - monotonic()
                if left <= 0:
                    return False
                done.wait(left)
        return True

    def close(self, timeout: float) -> bool:
        """Wait as `flush` does and let go of the thread; whether everything was done in time.

        What is still waiting then is given up, and its number reported. A job handed in later
        starts a new thread.
        """
        import queue

        if self._thread is None or self._process != os.getpid():
            return True
        done = self.flush(timeout)
        given_up = 0
        while not done:
            try:
                self._queue.get_nowait()
            except queue.Empty:
                break
            given_up += 1
        if not done:
            logger().warning(
                "%s was not done after %g s: one job is still running and %d were given up",
                self.name,
                timeout,
                given_up,
            )
        self._queue.put_nowait(None)
        self._start_anew()
        return done

    def _report(self, error: BaseException) -> None:
        self.failed += 1
        if self.failed == 1:
            logger().warning(
                "%s failed; training goes on, and further failures are only counted",
                self.name,
                exc_info=error,
            )

    def __getstate__(self) -> dict[str, object]:
        """Pickle and copy the settings alone: a thread stays where it is."""
        return {"name": self.name, "capacity": self.capacity}

    def __setstate__(self, state: dict[str, object]) -> None:
        """Start with an empty queue."""
        self.__init__(str(state["name"]), capacity=int(str(state["capacity"])))  # type: ignore[misc]


def _work(worker: BackgroundWorker, jobs: queue.Queue[Job | None]) -> None:
    while (job := jobs.get()) is not None:
        try:
            job()
        except BaseException as error:  # a job that calls sys.exit() must not end the thread
            worker._report(error)
        finally:
            jobs.task_done()
