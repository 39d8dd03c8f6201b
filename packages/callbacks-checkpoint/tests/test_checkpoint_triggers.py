# SPDX-License-Identifier: MIT
import copy
import os
import pickle
import signal
import subprocess
import sys
import threading

import pytest
import torch

from callbacks_checkpoint import (
    AnyTrigger,
    EveryBatches,
    EveryEpochs,
    EveryMinutes,
    EverySeconds,
    ModelCheckpoint,
    OnControl,
    OnException,
    OnFile,
    OnSignal,
    PeriodicSaveCallback,
    Retention,
    SaveFailedError,
    Trigger,
    load_checkpoint,
    verify_checkpoint,
)
from callbacks_checkpoint.triggers import _file, _timed
from callbacks_core import Callback, ControlFile, LambdaCallback, SimpleModel
from callbacks_core.testing import play

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")


class Text(PeriodicSaveCallback):
    """Writes where training stands; fails while told to."""

    failing = False

    def save_file(self, fd, epoch_number, logs):
        if self.failing:
            raise OSError(28, "disk full")
        fd.write(f"{epoch_number} {logs.get('batch')}".encode())


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = [100.0]
    monkeypatch.setattr(_timed, "monotonic", lambda: now[0])
    monkeypatch.setattr(_file, "monotonic", lambda: now[0])
    return now


@pytest.fixture(autouse=True)
def handlers_are_put_back():
    """Whatever a test does, nobody's handlers change for good."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    yield
    after = [signal.getsignal(number) for number in numbers]
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
    assert after == before


def at_batch(function, *, epoch, batch):
    """Return a callback that calls *function* in the middle of a batch."""
    seen = [0]

    def begin(number, logs):
        seen[0] = number

    def backward(number):
        if (seen[0], number) == (epoch, batch):
            function()

    return LambdaCallback(on_epoch_begin=begin, on_backward_end=backward)


def test_every_so_many_batches(tmp_path):
    """Counted over the epochs, and told in the name and to the writer."""
    saver = Text(tmp_path / "{epoch}-{batch}", trigger=EveryBatches(3))
    play(saver, [{}] * 3, batches=4)
    assert names(tmp_path) == ["1-3", "2-2", "3-1", "3-4"]
    assert (tmp_path / "2-2").read_text() == "2 2"


def test_the_count_of_batches_is_state(tmp_path):
    """A resumed run saves where the uninterrupted one would have."""
    saver = Text(tmp_path / "{epoch}-{batch}", trigger=EveryBatches(3) | OnException())
    play(saver, [{}], batches=4)
    fresh = Text(tmp_path / "{epoch}-{batch}", trigger=EveryBatches(3) | OnException())
    fresh.load_state_dict(pickle.loads(pickle.dumps(saver.state_dict())))
    play(fresh, [{}] * 2, batches=4, initial_epoch=2)
    assert names(tmp_path) == ["1-3", "2-2", "3-1", "3-4"]
    play(fresh, [{}], batches=4)  # another training counts anew
    assert names(tmp_path) == ["1-3", "2-2", "3-1", "3-4"]


def test_batches_in_the_middle_of_an_optimizer_step_are_no_moment_to_save(tmp_path):
    """With accumulation it is steps that count."""
    from callbacks_core import TrainingLoop

    network = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    saver = Text(tmp_path / "{batch}", trigger=EveryBatches(2))
    with TrainingLoop(network, optimizer, callbacks=saver) as loop:
        for epoch in loop.epochs(1):
            for number, x in enumerate(epoch.train(torch.ones(8, 1, 1)), 1):
                network(x).sum().backward()
                if number % 2 == 0:
                    optimizer.step()
    assert names(tmp_path) == ["4", "8"]


def test_weights_that_are_no_numbers_are_not_saved_within_an_epoch(tmp_path):
    """`TerminateOnNaN` stops the training before the savers have their turn."""
    from callbacks_core import TerminateOnNaN, TrainingLoop

    network = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    path = tmp_path / "last.pt"
    saver = ModelCheckpoint(path, trigger=EveryBatches(1) | EveryEpochs())
    batches = [torch.ones(2, 1), torch.full((2, 1), float("nan")), torch.ones(2, 1)]
    with TrainingLoop(network, optimizer, callbacks=[saver, TerminateOnNaN()]) as loop:
        for epoch in loop.epochs(2):
            for x in epoch.train(batches):
                loss = network(x).sum()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                loop.log(loss=loss)
    assert verify_checkpoint(path).about["batch"] == 1
    assert all(value.isfinite().all() for value in load_checkpoint(path).values())


def test_every_so_many_seconds(tmp_path, clock):
    """Counted from the last save, at batches and at the ends of epochs."""

    def pass_time(number, logs):
        clock[0] += 4

    def validate(logs):
        clock[0] += 10

    saver = Text(tmp_path / "{epoch}-{batch}", trigger=EverySeconds(10))
    late = LambdaCallback(on_train_batch_end=pass_time, on_valid_begin=validate)
    play([late, saver], [{"val_loss": 1}] * 2, batches=4)
    assert names(tmp_path) == ["1-3", "1-4", "2-3", "2-4"]
    assert (tmp_path / "1-4").read_text() == "1 None"


def test_every_so_many_minutes(clock):
    """They are seconds, sixty at a time."""
    trigger = EveryMinutes(0.5)
    trigger.begin(resumed=False)
    clock[0] += 29.9
    assert not trigger.after_batch()
    clock[0] += 0.1
    assert trigger.after_batch()
    assert trigger.after_epoch(1)
    trigger.done(saved=True)
    assert not trigger.after_batch()


def test_a_failed_save_by_the_clock_is_not_tried_at_each_batch(tmp_path, clock):
    """The next attempt is as far away as the next save."""
    saver = Text(tmp_path / "{batch}", trigger=EverySeconds(10))
    saver.failing, attempts = True, []
    tick = LambdaCallback(on_train_batch_end=lambda *_: clock.__setitem__(0, clock[0] + 4))
    saver.save_file = lambda *arguments: (
        attempts.append(arguments[1]) or Text.save_file(saver, *arguments)
    )
    with pytest.raises(SaveFailedError, match="after epoch 1, batch 9"):
        play([tick, saver], [{}], batches=10)
    assert len(attempts) == 3


def test_epochs_and_more(tmp_path):
    """Triggers join; the ends of epochs are saved under the number of their last batch."""
    trigger = EveryEpochs(2) | EveryBatches(5)
    saver = Text(tmp_path / "{epoch}-{batch}", trigger=trigger)
    play(saver, [{}] * 4, batches=3)
    assert names(tmp_path) == ["2-2", "2-3", "4-1", "4-3"]
    assert (tmp_path / "4-3").read_text() == "4 None"


def test_the_verbose_line_names_the_batch(tmp_path, capsys):
    """Where there is one."""
    saver = Text(tmp_path / "f", trigger=EveryBatches(2) | EveryEpochs(), verbose=True)
    play(saver, [{}])
    path = tmp_path / "f"
    assert capsys.readouterr().out == (
        f"Epoch 1, batch 2: saving file to {path}\nEpoch 1: saving file to {path}\n"
    )


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()])
def test_on_an_exception(tmp_path, error):
    """Of the kinds that were asked for."""

    def fail():
        raise error

    breaker = at_batch(fail, epoch=2, batch=2)
    ordinary = Text(tmp_path / "ordinary", trigger=OnException())
    every = Text(tmp_path / "every-{batch}", trigger=OnException(BaseException))
    with pytest.raises(type(error)):
        play([ordinary, every, breaker], [{}] * 3, batches=3)
    expected = ["every-1"] + (["ordinary"] if isinstance(error, ValueError) else [])
    assert names(tmp_path) == expected
    assert (tmp_path / "every-1").read_text() == "2 1"


def test_a_training_that_does_not_break_leaves_no_such_file(tmp_path):
    """Nothing happened."""
    play(Text(tmp_path / "crash", trigger=OnException()), [{}])
    assert names(tmp_path) == []


@posix
def test_a_signal_saves_at_the_next_boundary_and_ends_the_run(tmp_path):
    """SIGTERM by `SystemExit`, so that everybody is closed."""
    closed = []

    class Close(Callback):
        def close(self):
            closed.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    term = at_batch(lambda: signal.raise_signal(signal.SIGTERM), epoch=2, batch=1)
    saver = Text(tmp_path / "{epoch}-{batch}", trigger=OnSignal())
    with pytest.raises(SystemExit) as caught:
        play([saver, term, Close()], [{}] * 3, batches=3)
    assert caught.value.code == 143
    assert names(tmp_path) == ["2-1"]
    assert closed == [before]


@posix
def test_ctrl_c_interrupts_after_the_save(tmp_path):
    """As it does without us, a batch later."""
    interrupt = at_batch(lambda: signal.raise_signal(signal.SIGINT), epoch=1, batch=2)
    saver = Text(tmp_path / "{epoch}-{batch}", trigger=OnSignal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        play([saver, interrupt], [{}] * 3, batches=3)
    assert names(tmp_path) == ["1-2"]


@posix
def test_a_signal_in_the_validation_is_acted_upon_at_the_end_of_the_epoch(tmp_path):
    """That is the next moment at which there is something whole."""
    term = LambdaCallback(on_valid_begin=lambda logs: signal.raise_signal(signal.SIGTERM))
    saver = Text(tmp_path / "{epoch}-{batch}", trigger=OnSignal(signal.SIGTERM))
    with pytest.raises(SystemExit):
        play([saver, term], [{"val_loss": 1}] * 3)
    assert names(tmp_path) == ["1-2"]


@posix
def test_every_saver_has_its_turn_before_the_run_ends(tmp_path):
    """And an earlier handler is called after them, once; training goes on then."""
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(names(tmp_path)))
    term = at_batch(lambda: signal.raise_signal(signal.SIGTERM), epoch=1, batch=1)
    first = Text(tmp_path / "a-{epoch}-{batch}", trigger=OnSignal())
    second = Text(tmp_path / "b-{epoch}-{batch}", trigger=EveryEpochs(2) | OnSignal())
    played = play([first, term, second], [{}] * 2)
    signal.signal(signal.SIGTERM, before)
    assert heard == [["a-1-1", "b-1-1"]]
    assert len(played.history) == 2
    assert names(tmp_path) == ["a-1-1", "b-1-1", "b-2-2"]


@posix
def test_a_second_signal_does_not_wait(tmp_path):
    """Not even for the batch to end."""

    def twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    saver = Text(tmp_path / "{batch}", trigger=OnSignal())
    with pytest.raises(KeyboardInterrupt):
        play([saver, at_batch(twice, epoch=1, batch=2)], [{}])
    assert names(tmp_path) == []


@posix
def test_a_save_that_fails_does_not_hold_up_the_end(tmp_path, caplog):
    """It is told of, as the process ends and nobody could try again."""
    term = at_batch(lambda: signal.raise_signal(signal.SIGTERM), epoch=1, batch=1)
    saver = Text(tmp_path / "state", trigger=OnSignal())
    saver.failing = True
    with pytest.raises(SystemExit):
        play([saver, term], [{}])
    assert "cannot save" in caplog.text
    assert "disk full" in caplog.text


@posix
def test_without_the_main_thread_training_goes_on_without_signals(tmp_path):
    """As Python hands them to that one alone."""
    done = []
    saver = Text(tmp_path / "{epoch}", trigger=OnSignal() | EveryEpochs())
    thread = threading.Thread(target=lambda: done.append(play(saver, [{}] * 2)))
    thread.start()
    thread.join()
    assert len(done[0].history) == 2
    assert names(tmp_path) == ["1", "2"]


KILLED = """
import os, signal, sys, torch
from callbacks_checkpoint import ModelCheckpoint, OnSignal
from callbacks_core import TrainingLoop

network = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
saver = ModelCheckpoint(sys.argv[1] + "/{epoch}-{batch}.pt", trigger=OnSignal())
with TrainingLoop(network, optimizer, callbacks=saver) as loop:
    for epoch in loop.epochs(10):
        for number, x in enumerate(epoch.train(torch.ones(9, 4, 2))):
            optimizer.zero_grad()
            network(x).sum().backward()
            if number == 4:
                os.kill(os.getpid(), getattr(signal, sys.argv[2]))
            optimizer.step()
"""


@posix
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", -signal.SIGINT)])
def test_a_process_that_is_told_to_end_leaves_a_whole_checkpoint(tmp_path, name, code):
    """With the exit code that schedulers expect."""
    command = [sys.executable, "-c", KILLED, str(tmp_path), name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == code, done.stderr
    assert names(tmp_path) == ["1-5.pt"]
    assert verify_checkpoint(tmp_path / "1-5.pt").about["batch"] == 5


def test_a_file_that_is_touched_asks_for_a_save(tmp_path, clock):
    """It is removed when that was done, and can be touched again."""
    control = tmp_path / "control" / "save.now"
    control.parent.mkdir()
    saves = tmp_path / "saves"
    trigger = OnFile(control, look_every=0)
    saver = Text(saves / "{epoch}-{batch}", trigger=trigger)
    touches = [at_batch(control.touch, epoch=epoch, batch=2) for epoch in (1, 3)]
    gone = []
    look = LambdaCallback(on_epoch_begin=lambda *_: gone.append(not control.exists()))
    play([saver, look, *touches], [{}] * 3, batches=3)
    assert names(saves) == ["1-2", "3-2"]
    assert gone == [True, True, True]
    assert not control.exists()


def test_a_control_file_asks_for_a_save_of_whoever_listens(tmp_path):
    """At the end of the batch, each time it says so; a failed one is tried again."""
    path = tmp_path / "control"
    control = ControlFile(path, look_every=0)
    savers = [
        Text(tmp_path / (name + "-{epoch}-{batch}"), trigger=EveryEpochs(9) | OnControl(control))
        for name in "ab"
    ]
    say = [at_batch(lambda: path.write_text("save\n"), epoch=epoch, batch=2) for epoch in (1, 3)]
    play([*say, control, *savers], [{}] * 3, batches=3)
    assert names(tmp_path) == ["a-1-2", "a-3-2", "b-1-2", "b-3-2"]
    trigger = OnControl(control)
    trigger.begin(resumed=False)
    control.save_requests += 1
    trigger.done(saved=False)
    assert trigger.after_batch()
    trigger.done(saved=True)
    assert not trigger.after_epoch(1)
    with pytest.raises(TypeError, match="`control` must be a ControlFile, not 'control'"):
        OnControl("control")


def test_several_savers_have_the_same_control_file(tmp_path, clock):
    """None removes it before the others have seen it."""
    control = tmp_path / "save.now"
    savers = [
        Text(tmp_path / (name + "-{batch}"), trigger=OnFile(control, look_every=0)) for name in "ab"
    ]
    play([*savers, at_batch(control.touch, epoch=1, batch=1)], [{}], batches=3)
    assert names(tmp_path) == ["a-1", "b-1"]


def test_the_control_file_is_not_looked_at_all_the_time(tmp_path, clock):
    """A look costs a call of the file system, which may be far away."""
    control = tmp_path / "save.now"
    trigger = OnFile(control, look_every=5)
    trigger.begin(resumed=False)
    assert not trigger.after_batch()
    control.touch()
    clock[0] += 4.9
    assert not trigger.after_batch()
    clock[0] += 0.2
    assert trigger.after_batch()
    trigger.done(saved=False)
    clock[0] += 6
    assert trigger.after_batch(), "a save that failed is still asked for"
    trigger.done(saved=True)
    assert control.exists()
    trigger.end()
    assert not control.exists()


def test_a_control_file_that_cannot_be_removed_asks_once(tmp_path, clock, monkeypatch, caplog):
    """And is told of once."""
    control = tmp_path / "save.now"
    control.touch()

    def refuse(path):
        raise PermissionError(13, "not allowed")

    monkeypatch.setattr(os, "unlink", refuse)
    trigger = OnFile(control, look_every=0)
    trigger.begin(resumed=False)
    assert trigger.after_batch()
    trigger.done(saved=True)
    assert not trigger.after_batch()
    assert not trigger.after_batch()
    assert caplog.text.count("cannot remove the control file") == 1


def test_rank_zero_alone_looks_for_the_file(tmp_path, monkeypatch):
    """Another one could take it away before."""
    control = tmp_path / "save.now"
    control.touch()
    monkeypatch.setenv("RANK", "1")
    play(Text(tmp_path / "state", trigger=OnFile(control, look_every=0)), [{}])
    assert control.exists()


def test_without_such_a_trigger_no_batch_is_listened_to(tmp_path):
    """A loop then builds no logs for it."""
    assert not Text(tmp_path / "{epoch}").listens_to("on_batch_settled")
    assert not Text(tmp_path / "a", trigger=EveryEpochs(3)).listens_to("on_batch_settled")
    assert Text(tmp_path / "{batch}").listens_to("on_batch_settled")
    assert Text(tmp_path / "a", trigger=OnException()).listens_to("on_batch_settled")


def test_a_trigger_of_ones_own(tmp_path):
    """Overrides what it needs."""

    class Spike(Trigger):
        within_epochs = True
        ended = 0

        def after_batch(self):
            return True

        def end(self):
            self.ended += 1

    spike = Spike()
    play(Text(tmp_path / "{epoch}-{batch}", trigger=EveryEpochs(5) | spike), [{}])
    assert names(tmp_path) == ["1-1", "1-2"]
    assert spike.ended
    assert len((EveryEpochs() | spike | OnException()).triggers) == 3
    with pytest.raises(TypeError):
        spike | 3


def test_triggers_can_be_copied_and_pickled(tmp_path):
    """A copy of a saver saves as the original does."""
    trigger = AnyTrigger(EveryBatches(2), EverySeconds(60), OnSignal(), OnFile(tmp_path / "now"))
    saver = ModelCheckpoint(tmp_path / "{epoch}-{batch}.pt", trigger=trigger)
    model = SimpleModel(torch.nn.Linear(1, 1))
    for other in (copy.deepcopy(saver), pickle.loads(pickle.dumps(saver))):
        play(other, [{}], model=model)
        assert names(tmp_path) == ["1-2.pt"]
        assert load_checkpoint(tmp_path / "1-2.pt").keys() == {"weight", "bias"}
        (tmp_path / "1-2.pt").unlink()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: EveryEpochs(0), ValueError, "`count` must be at least 1, not 0"),
        (lambda: EveryBatches(1.5), TypeError, "`count` must be a whole number, not 1.5"),
        (lambda: EverySeconds(0), ValueError, "`seconds` must be more than 0, and finite, not 0"),
        (lambda: EverySeconds("9"), TypeError, "`seconds` must be a number, not '9'"),
        (lambda: EveryMinutes(float("nan")), ValueError, "`minutes` must be more than 0"),
        (lambda: OnException(ValueError()), TypeError, "a kind must be a class of exceptions"),
        (lambda: OnSignal("SIGTERM"), TypeError, "a signal is a number such as"),
        (lambda: OnFile(3), TypeError, "`path` must be a str or a path, not 3"),
        (lambda: OnFile("a", look_every=-1), ValueError, "`look_every` must be 0 or more"),
        (lambda: OnFile("a", look_every="1"), TypeError, "`look_every` must be a number of"),
        (lambda: Text("a", trigger=3), TypeError, "`trigger` must be one such as Every"),
        (lambda: Text("a", trigger=EveryEpochs), TypeError, "`trigger` must be one such as Every"),
        (
            lambda: Text("a", trigger=EveryEpochs(2), period=2),
            ValueError,
            "give `period` or `trigger`, not both",
        ),
        (
            lambda: Text("a", trigger=EveryBatches(2), save_best_only=True),
            ValueError,
            "`save_best_only=True` needs a trigger for the ends of epochs",
        ),
        (
            lambda: Text("{val_loss}", trigger=EveryBatches(2), keep=Retention(last=1)),
            ValueError,
            "`filename` '{val_loss}' has the field 'val_loss', which has no value yet within",
        ),
    ],
    ids=range(15),
)
def test_a_wrong_trigger_is_refused_at_once(make, error, message):
    """Each message says what was wrong, what was expected and what came."""
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value).startswith(message)
