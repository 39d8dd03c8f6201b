# SPDX-License-Identifier: MIT
import copy
import os
import pickle
import threading
from time import monotonic

import pytest

from callbacks_core import BackgroundWorker

SOON = 10.0
"""Seconds that nothing here takes, on any machine."""


class Blocked:
    """A worker whose thread is at work on a job that waits for `gate`."""

    def __init__(self):
        self.worker = BackgroundWorker("mailer", capacity=2)
        self.gate, self.begun = threading.Event(), threading.Event()
        self.worker.submit(self.hang)
        assert self.begun.wait(SOON)

    def hang(self):
        self.thread = threading.current_thread()
        self.begun.set()
        self.gate.wait(SOON)


@pytest.fixture
def blocked():
    blocked = Blocked()
    yield blocked
    blocked.gate.set()
    blocked.worker.close(SOON)


def messages(caplog):
    return [record.getMessage() for record in caplog.records]


def test_jobs_run_in_their_order_in_a_thread_of_their_own():
    """First in, first out, and never in the thread that hands them in."""
    worker, done = BackgroundWorker("mailer"), []
    for number in range(5):
        assert worker.submit(lambda n=number: done.append((n, threading.current_thread().name)))
    assert worker.flush(SOON)
    assert done == [(number, "mailer") for number in range(5)]
    assert worker.close(SOON)


def test_no_thread_is_started_before_the_first_job():
    """A worker that has nothing to do costs nothing, and closes at once."""
    before = threading.active_count()
    worker = BackgroundWorker("mailer")
    assert threading.active_count() == before
    assert worker.flush(0)
    assert worker.close(0)


def test_the_thread_does_not_keep_the_process_alive(blocked):
    """It is a daemon."""
    assert blocked.thread.daemon


def test_what_does_not_fit_is_dropped_and_counted(blocked, caplog):
    """The queue is bounded; the caller never waits; the loss is told once."""
    worker, gate = blocked.worker, blocked.gate
    done = []
    taken = [worker.submit(lambda n=number: done.append(n)) for number in range(5)]
    assert taken == [True, True, False, False, False]
    assert worker.dropped == 3
    gate.set()
    assert worker.flush(SOON)
    assert done == [0, 1]
    assert messages(caplog) == ["mailer cannot keep up: what it has no room for is lost"]


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1)])
def test_errors_are_counted_and_the_first_is_reported(error, caplog):
    """A failing job ends nothing: later ones run, and only the first failure is told."""
    worker, done = BackgroundWorker("mailer"), []

    def fail():
        raise error

    for _ in range(3):
        worker.submit(fail)
    worker.submit(lambda: done.append("still here"))
    assert worker.close(SOON)
    assert done == ["still here"]
    assert worker.failed == 3
    assert messages(caplog) == [
        "mailer failed; training goes on, and further failures are only counted"
    ]
    assert caplog.records[0].exc_info[1] is error


def test_a_flush_waits_no_longer_than_it_is_told(blocked):
    """A job that hangs makes `flush` answer False when the time is over."""
    worker, gate = blocked.worker, blocked.gate
    start = monotonic()
    assert not worker.flush(0.05)
    assert 0.05 <= monotonic() - start < SOON
    gate.set()
    assert worker.flush(SOON)


def test_close_gives_up_on_a_hanging_job(blocked, caplog):
    """What was still waiting is given up, and its number told; the hanging thread is let go."""
    worker, gate = blocked.worker, blocked.gate
    done = []
    worker.submit(lambda: done.append("never"))
    worker.submit(lambda: done.append("never"))
    assert not worker.close(0.05)
    assert messages(caplog) == [
        "mailer was not done after 0.05 s: one job is still running and 2 were given up"
    ]
    gate.set()
    blocked.thread.join(SOON)
    assert not blocked.thread.is_alive()
    assert done == []


def test_a_closed_worker_ends_its_thread_and_starts_anew():
    """`close` leaves no thread behind; a job handed in later gets a new one."""
    worker, done = BackgroundWorker("mailer"), []
    for word in ("before", "after"):
        worker.submit(lambda word=word: done.append((word, threading.current_thread())))
        assert worker.close(SOON)
        done[-1][1].join(SOON)
        assert not done[-1][1].is_alive()
    assert [word for word, _ in done] == ["before", "after"]
    assert done[0][1] is not done[1][1]


def test_a_worker_that_hung_can_be_used_again(blocked):
    """After giving up, new jobs run though the old one still hangs."""
    worker = blocked.worker
    worker.close(0)
    done = []
    worker.submit(lambda: done.append("new"))
    assert worker.close(SOON)
    assert done == ["new"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_after_a_fork_the_child_gets_a_thread_of_its_own(blocked):
    """In the child nothing is pending, and a job runs there; the parent keeps its own."""
    worker, gate = blocked.worker, blocked.gate
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            flushed = worker.flush(SOON) and worker.close(SOON)
            worker.submit(lambda: os.write(write, b"child"))
            os._exit(0 if worker.flush(SOON) and flushed else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        assert pipe.read() == b"child"
    gate.set()
    assert worker.flush(SOON)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_has_the_settings_and_nothing_to_do(copied, blocked):
    """Threads and jobs stay with the original."""
    worker = blocked.worker
    twin = copied(worker)
    assert (twin.name, twin.capacity, twin.dropped, twin.failed) == ("mailer", 2, 0, 0)
    assert twin.flush(0)
