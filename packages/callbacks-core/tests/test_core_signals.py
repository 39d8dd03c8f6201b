# SPDX-License-Identifier: MIT
import copy
import os
import pickle
import signal
import subprocess
import sys
import threading

import pytest

from callbacks_core import SignalWatch
from callbacks_core.signals import carried_to_its_end

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")


@pytest.fixture(autouse=True)
def handlers():
    """Begin with the handlers of a process that nobody told to ignore any, and leave none."""
    usual = dict.fromkeys((signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP), signal.SIG_DFL)
    usual[signal.SIGINT] = signal.default_int_handler
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    after = {number: signal.getsignal(number) for number in usual}
    for number, handler in before.items():
        signal.signal(number, handler)
    assert after == usual


@pytest.fixture
def heard():
    """What the handler that was there before the watch has heard."""
    calls = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: calls.append(number))
    yield calls
    signal.signal(signal.SIGUSR1, before)


def test_a_signal_is_noted_and_carried_out_later(heard):
    """The earlier handler is called when the loop has acted, once."""
    watch = SignalWatch(signal.SIGUSR1)
    watch.begin()
    assert watch.pending is None
    signal.raise_signal(signal.SIGUSR1)
    assert (watch.pending, heard) == (signal.SIGUSR1, [])
    watch.carry_out()
    assert (watch.pending, heard) == (None, [signal.SIGUSR1])
    watch.carry_out()
    watch.end()
    assert heard == [signal.SIGUSR1]
    signal.raise_signal(signal.SIGUSR1)
    assert len(heard) == 2


def test_a_second_signal_is_carried_out_at_once(heard):
    """Whoever is impatient need not wait for the batch; the first stays pending."""
    watch = SignalWatch(signal.SIGUSR1)
    watch.begin()
    signal.raise_signal(signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR1)
    assert heard == [signal.SIGUSR1]
    assert watch.pending == signal.SIGUSR1
    watch.carry_out()
    watch.end()


def test_ctrl_c_interrupts_once_it_was_acted_upon():
    """And at once the second time."""
    watch = SignalWatch()
    watch.begin()
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        watch.carry_out()
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        watch.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_without_a_handler_ends_the_process_in_order(number):
    """By an exception, so that callbacks are closed, with the exit code that shells expect."""
    watch = SignalWatch(number)
    watch.begin()
    signal.raise_signal(number)
    with pytest.raises(SystemExit) as caught:
        watch.carry_out()
    assert caught.value.code == 128 + number
    watch.end()


def test_user_signals_without_a_handler_do_not_end_anything():
    """Nobody sends them but to be noticed."""
    watch = SignalWatch(signal.SIGUSR1)
    watch.begin()
    signal.raise_signal(signal.SIGUSR1)
    watch.carry_out()
    watch.end()


def test_an_ignored_signal_stays_without_effect():
    """After the loop has acted on it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    watch = SignalWatch(signal.SIGHUP)
    watch.begin()
    for _ in range(2):
        signal.raise_signal(signal.SIGHUP)
    assert watch.pending == signal.SIGHUP
    watch.carry_out()
    watch.end()
    signal.signal(signal.SIGHUP, before)


def test_several_watch_the_same_signal(heard):
    """The earlier handler waits for the last of them to act, whatever the order."""
    first, second = SignalWatch(signal.SIGUSR1), SignalWatch(signal.SIGUSR1)
    first.begin()
    second.begin()
    signal.raise_signal(signal.SIGUSR1)
    second.carry_out()
    assert heard == []
    first.carry_out()
    assert heard == [signal.SIGUSR1]
    first.end()
    signal.raise_signal(signal.SIGUSR1)
    assert second.pending == signal.SIGUSR1
    second.carry_out()
    second.end()


def test_a_signal_that_nobody_acted_upon_is_carried_out_at_the_end(heard):
    """None is swallowed."""
    first, second = SignalWatch(signal.SIGUSR1), SignalWatch(signal.SIGUSR1)
    first.begin()
    second.begin()
    signal.raise_signal(signal.SIGUSR1)
    first.end()
    assert heard == []
    second.end()
    assert heard == [signal.SIGUSR1]
    first.end()
    assert heard == [signal.SIGUSR1]


def test_beginning_twice_is_beginning_once(heard):
    """And a watch can be used again."""
    watch = SignalWatch(signal.SIGUSR1)
    for _ in range(2):
        watch.begin()
        watch.begin()
        signal.raise_signal(signal.SIGUSR1)
        watch.carry_out()
        watch.end()
    assert len(heard) == 2


def test_a_handler_that_somebody_put_on_top_stays():
    """It is not ours to take away; what comes through it goes to the one before us."""
    calls = []
    before = signal.signal(signal.SIGUSR1, lambda *_: calls.append("before"))
    watch = SignalWatch(signal.SIGUSR1)
    watch.begin()
    ours = signal.getsignal(signal.SIGUSR1)

    def on_top(number, frame):
        calls.append("on top")
        ours(number, frame)

    signal.signal(signal.SIGUSR1, on_top)
    watch.end()
    assert signal.getsignal(signal.SIGUSR1) is on_top
    signal.raise_signal(signal.SIGUSR1)
    assert calls == ["on top", "before"]
    signal.signal(signal.SIGUSR1, before)


def test_in_another_thread_nothing_comes():
    """Python delivers signals to the main thread alone; nothing breaks."""
    watch = SignalWatch(signal.SIGUSR1)
    before = signal.getsignal(signal.SIGUSR1)
    thread = threading.Thread(target=watch.begin)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGUSR1) == before
    watch.carry_out()
    watch.end()


def test_a_copy_does_not_watch():
    """Nor does it remember."""
    watch = SignalWatch(signal.SIGUSR1)
    watch.begin()
    signal.raise_signal(signal.SIGUSR1)
    for other in (copy.deepcopy(watch), pickle.loads(pickle.dumps(watch))):
        assert other.signals == watch.signals
        assert other.pending is None
        other.end()
    watch.carry_out()
    watch.end()


FORK = """
import os, signal, sys, time
from callbacks_core import SignalWatch
from callbacks_core.signals import carried_to_its_end

watch = SignalWatch(signal.SIGTERM)
watch.begin()
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    os.write(writer, b"ready")
    time.sleep(200)
    sys.exit(7)
os.read(reader, 5)
os.kill(child, signal.SIGTERM)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
signal.raise_signal(signal.SIGTERM)
print(watch.pending, flush=True)
signal.raise_signal(signal.SIGTERM)
"""


def test_a_forked_child_dies_as_ever_and_a_second_sigterm_kills():
    """The workers of a loader must not live on for want of a handler."""
    done = subprocess.run(
        [sys.executable, "-c", FORK], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.stdout.split() == [str(-signal.SIGTERM), str(int(signal.SIGTERM))]
    assert done.returncode == -signal.SIGTERM


@pytest.mark.parametrize(
    ("number", "error", "message"),
    [
        ("SIGTERM", TypeError, r"a signal is a number such as signal\.SIGTERM, not 'SIGTERM'"),
        (True, TypeError, "not True"),
        (4711, ValueError, "there is no signal 4711 here"),
        (getattr(signal, "SIGKILL", 9), ValueError, "SIGKILL cannot be caught"),
    ],
)
def test_what_is_no_signal_is_refused(number, error, message):
    """When it is asked for."""
    with pytest.raises(error, match=message):
        SignalWatch(number)


def test_what_waits_beyond_the_deadline_is_broken_off():
    """In the middle of a wait, by the exception that the signal stands for."""
    watch = SignalWatch(signal.SIGTERM, deadline=0.1)
    watch.begin()

    def hang():
        signal.raise_signal(signal.SIGTERM)
        threading.Event().wait(200)

    with pytest.raises(SystemExit) as caught:
        hang()
    assert caught.value.code == 143
    assert watch.pending is None
    watch.end()


def test_what_must_not_be_broken_off_is_not():
    """The deadline waits for its end, and then for no longer."""
    watch = SignalWatch(signal.SIGTERM, deadline=0.05)
    watch.begin()
    done = []

    def save_and_hang():
        with carried_to_its_end():
            signal.raise_signal(signal.SIGTERM)
            threading.Event().wait(0.3)
            done.append(True)
        threading.Event().wait(200)

    with pytest.raises(SystemExit):
        save_and_hang()
    assert done == [True]
    watch.end()


def test_a_signal_that_was_acted_upon_has_no_deadline_left(heard):
    """Nor has one that asks for something."""
    watch = SignalWatch(signal.SIGTERM, signal.SIGUSR1, deadline=0.05)
    watch.begin()
    signal.raise_signal(signal.SIGUSR1)
    signal.raise_signal(signal.SIGTERM)
    watch._pending.remove(signal.SIGTERM)
    threading.Event().wait(0.2)
    assert (watch.pending, heard) == (signal.SIGUSR1, [])
    watch.carry_out()
    watch.end()


def test_asking_twice_ends_nothing():
    """A second SIGUSR1 is no reason to die of what the first one asked for."""
    watch = SignalWatch(signal.SIGUSR1)
    watch.begin()
    signal.raise_signal(signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR1)
    assert watch.pending == signal.SIGUSR1
    assert not watch.ends_process
    watch.carry_out()
    watch.end()


def test_what_a_launcher_passes_on_is_no_second_signal(monkeypatch, heard):
    """Where several processes train together, each may be told twice of the same thing."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    watch = SignalWatch(signal.SIGUSR1)
    watch.begin()
    signal.raise_signal(signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR1)
    assert heard == []
    watch.carry_out()
    assert heard == [signal.SIGUSR1]
    watch.end()


def test_a_signal_of_another_process_is_carried_out_here():
    """Though nobody watches here, as in another thread."""
    watch = SignalWatch(signal.SIGTERM)
    watch.receive(signal.SIGTERM)
    watch.receive(signal.SIGTERM)
    assert watch.ends_process
    with pytest.raises(SystemExit):
        watch.carry_out()
    assert watch.pending is None


@pytest.fixture
def torchs():
    """What torch would be told of the ends of a loader's processes."""
    told = []

    def handler(number, frame):
        told.append(number)

    handler.__module__ = "torch.utils.data._utils.signal_handling"
    before = signal.signal(signal.SIGCHLD, handler)
    yield told
    assert signal.getsignal(signal.SIGCHLD) is handler
    signal.signal(signal.SIGCHLD, before)


def test_loaders_tell_of_no_worker_that_got_the_signal_too(torchs):
    """Until the training is over; their exception would break off the save."""
    watch = SignalWatch(signal.SIGTERM)
    watch.begin()
    signal.raise_signal(signal.SIGCHLD)
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGCHLD)
    with pytest.raises(SystemExit):
        watch.carry_out()
    signal.raise_signal(signal.SIGCHLD)
    assert len(torchs) == 1
    watch.end()
    signal.raise_signal(signal.SIGCHLD)
    assert len(torchs) == 2


def test_loaders_tell_again_where_training_goes_on(torchs, heard):
    """As a handler of one's own has returned."""
    watch = SignalWatch(signal.SIGUSR1)
    watch.begin()
    signal.raise_signal(signal.SIGUSR1)
    signal.raise_signal(signal.SIGCHLD)
    watch.carry_out()
    assert (heard, torchs) == ([signal.SIGUSR1], [])
    signal.raise_signal(signal.SIGCHLD)
    assert len(torchs) == 1
    watch.end()


def test_other_handlers_of_children_are_left_alone():
    """Those of a program that starts some."""
    told = []
    before = signal.signal(signal.SIGCHLD, lambda number, frame: told.append(number))
    watch = SignalWatch(signal.SIGTERM)
    watch.begin()
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGCHLD)
    with pytest.raises(SystemExit):
        watch.carry_out()
    watch.end()
    signal.signal(signal.SIGCHLD, before)
    assert told == [signal.SIGCHLD]
