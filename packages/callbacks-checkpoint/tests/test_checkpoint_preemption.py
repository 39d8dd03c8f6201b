# SPDX-License-Identifier: MIT
"""A run that is told to go leaves a whole checkpoint, from which it goes on exactly."""

import copy
import logging
import os
import pickle
import signal
import threading
import time

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from callbacks_checkpoint import (
    EveryEpochs,
    OnSignal,
    TrainingCheckpoint,
    load_training,
)
from callbacks_checkpoint.triggers import AgreedTrigger, in_step
from callbacks_core import Callback, EarlyStopping, LambdaCallback, TrainingLoop, unpacked

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


@pytest.fixture(autouse=True)
def handlers_are_put_back():
    """After each training, whatever came."""
    usual = [signal.SIG_DFL, signal.default_int_handler, signal.SIG_DFL]
    before = [signal.signal(*pair) for pair in zip(SIGNALS, usual, strict=True)]
    yield
    after = [signal.signal(*pair) for pair in zip(SIGNALS, before, strict=True)]
    assert after == usual


class Averaging(Callback):
    """Has a validation see other weights, and counts its batches: what must be put back."""

    def __init__(self):
        self.batches = 0
        self._own = None

    def on_valid_begin(self, logs):
        self._own = [weight.clone() for weight in self.model.network.parameters()]
        with torch.no_grad():
            for weight in self.model.network.parameters():
                weight.mul_(0.5)

    def on_valid_batch_end(self, batch_number, logs):
        self.batches += 1

    def on_valid_end(self, logs):
        own, self._own = self._own or [], None
        with torch.no_grad():
            for weight, value in zip(self.model.network.parameters(), own, strict=False):
                weight.copy_(value)

    def close(self):
        self.on_valid_end({})

    def state_dict(self):
        return {"batches": self.batches, "nested": {"list": [self.batches]}}

    def load_state_dict(self, state):
        self.batches = state["batches"]
        assert state["nested"]["list"] == [self.batches]


def loader(begin=lambda: None, count=20):
    x = torch.randn(count, 3, generator=torch.Generator().manual_seed(2))
    dataset = TensorDataset(x, x.sum(1, keepdim=True))

    class Batches(DataLoader):
        def __iter__(self):
            for batch in super().__iter__():
                begin()
                yield batch

    return Batches(dataset, batch_size=4, shuffle=True)


def train(saver, *callbacks, resume=None, train_begin=lambda: None, valid_begin=lambda: None):
    """Train three epochs of five batches, with two of validation; return what was learnt."""
    if resume is None:
        torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.2), nn.Linear(4, 1))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    averaging, stopping = Averaging(), EarlyStopping(monitor="val_loss", patience=9)
    listed = [saver, averaging, stopping, *callbacks]
    with TrainingLoop(network, optimizer, callbacks=listed, resume=resume) as loop:
        for epoch in loop.epochs(3):
            for x, y in epoch.train(loader(train_begin)):
                loss = nn.functional.mse_loss(network(x), y)
                optimizer.zero_grad()
                loss.backward()
                loop.backward_end()
                optimizer.step()
                loop.log(loss=loss)
            for x, y in epoch.valid(loader(valid_begin, count=8)):
                loop.log(loss=nn.functional.mse_loss(network(x), y))
    history = [{name: logs[name] for name in ("loss", "val_loss")} for logs in loop.history]
    weights = [value.tolist() for value in network.state_dict().values()]
    return history, weights, averaging.batches, stopping.state_dict()["wait"]


class Once:
    """Raises a signal the so manyth time it is called."""

    def __init__(self, number, at):
        self.number, self.left = number, at

    def __call__(self, *_):
        self.left -= 1
        if self.left == 0 and self.number:
            signal.raise_signal(self.number)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """What a run that nobody has touched ends with."""
    return train(TrainingCheckpoint(tmp_path_factory.mktemp("straight")))


PLACES = {
    "before training": lambda once: {"callbacks": [LambdaCallback(on_train_begin=once)]},
    "training": lambda once: {"callbacks": [LambdaCallback(on_backward_end=once)]},
    "making a training batch": lambda once: {"train_begin": once},
    "validation": lambda once: {"callbacks": [LambdaCallback(on_valid_batch_begin=once)]},
    "making a validation batch": lambda once: {"valid_begin": once},
    "beginning of a validation": lambda once: {"callbacks": [LambdaCallback(on_valid_begin=once)]},
    "end of a validation": lambda once: {"callbacks": [LambdaCallback(on_valid_end=once)]},
    "end of an epoch": lambda once: {"callbacks": [LambdaCallback(on_epoch_end=once)]},
    "end of training": lambda once: {"callbacks": [LambdaCallback(on_train_end=once)]},
}


def interrupt(folder, place, number, at):
    options = PLACES[place](Once(number, at))
    callbacks = options.pop("callbacks", [])
    return train(TrainingCheckpoint(folder), *callbacks, **options)


@pytest.mark.parametrize(
    ("place", "number", "at", "epochs", "batch"),
    [
        ("before training", signal.SIGTERM, 1, 0, 1),
        ("training", signal.SIGTERM, 2, 0, 2),
        ("training", signal.SIGINT, 7, 1, 2),
        ("making a training batch", signal.SIGTERM, 2, 0, 2),
        ("beginning of a validation", signal.SIGTERM, 2, 1, 5),
        ("validation", signal.SIGTERM, 2, 0, 5),
        ("validation", signal.SIGINT, 3, 1, 5),
        ("making a validation batch", signal.SIGTERM, 2, 0, 5),
        ("end of a validation", signal.SIGTERM, 2, 2, None),
        ("end of an epoch", signal.SIGTERM, 2, 2, None),
        ("end of training", signal.SIGTERM, 1, 3, None),
    ],
)
def test_wherever_it_comes_the_run_goes_on_exactly(
    tmp_path, straight, place, number, at, epochs, batch
):
    """The run that is preempted and gone on with ends bit for bit like one that nobody touched."""
    with pytest.raises((SystemExit, KeyboardInterrupt)) as caught:
        interrupt(tmp_path, place, number, at)
    assert getattr(caught.value, "code", 143) == 143
    assert isinstance(caught.value, KeyboardInterrupt) == (number == signal.SIGINT)
    state = load_training(tmp_path)
    within = state["local"]["within"]
    assert len(unpacked(state["history"])) == epochs
    assert (within and within["batch"]) == batch
    torch.manual_seed(77)
    assert train(TrainingCheckpoint(tmp_path), resume="auto") == straight
    assert len(list(tmp_path.iterdir())) == 2


def test_a_request_to_save_ends_nothing(tmp_path, straight):
    """SIGUSR1 saves at the end of the batch, or of the validation, and again when asked twice."""
    saved = []
    look = LambdaCallback(on_train_batch_begin=lambda number, logs: saved.append(names()))

    def names():
        return sorted(os.listdir(tmp_path / "run")) if (tmp_path / "run").exists() else []

    ask = LambdaCallback(on_backward_end=Once(signal.SIGUSR1, 2))
    again = LambdaCallback(on_backward_end=Once(signal.SIGUSR1, 2))
    late = LambdaCallback(on_valid_batch_begin=Once(signal.SIGUSR1, 3))
    ended = train(TrainingCheckpoint(tmp_path / "run"), look, ask, again, late)
    assert ended == straight
    assert saved[2] == ["checkpoint-00001-0000002.pt"]


def test_saving_is_not_broken_off(tmp_path):
    """A signal while a state is taken, and its deadline, wait until the file is whole."""
    asked = []

    class Slow(Callback):
        def state_dict(self):
            asked.append(1)
            if len(asked) == 2:  # the first time is before the validation
                signal.raise_signal(signal.SIGTERM)
                time.sleep(0.4)
            return {"a": 1}

        def load_state_dict(self, state):
            pass

    trigger = EveryEpochs(1) | OnSignal(signal.SIGTERM, deadline=0.1)
    with pytest.raises(SystemExit):
        train(TrainingCheckpoint(tmp_path, trigger=trigger), Slow())
    state = load_training(tmp_path)
    assert (len(unpacked(state["history"])), state["local"]["within"]) == (1, None)


class Fails(Once):
    """Raises a signal the so manyth time, and an error with it, as if workers had got it too."""

    def __call__(self, *_):
        super().__call__()
        if self.left == 0:
            raise RuntimeError("a worker is dead")


@pytest.mark.parametrize(
    ("begin", "at", "epochs", "batch"),
    [
        ("train_begin", 8, 1, 2),
        ("train_begin", 6, 1, None),
        ("valid_begin", 3, 1, 5),
        ("valid_begin", 4, 1, 5),
    ],
)
def test_a_loader_that_fails_with_the_signal_spoils_no_save(
    tmp_path, straight, begin, at, epochs, batch
):
    """The last batch that was done is saved; before the first one, the epoch's end was."""
    with pytest.raises(SystemExit) as caught:
        train(TrainingCheckpoint(tmp_path), **{begin: Fails(signal.SIGTERM, at)})
    assert caught.value.code == 143
    state = load_training(tmp_path)
    within = state["local"]["within"]
    assert (len(unpacked(state["history"])), within and within["batch"]) == (epochs, batch)
    torch.manual_seed(77)
    assert train(TrainingCheckpoint(tmp_path), resume="auto") == straight


def test_a_loader_that_fails_is_told_of_where_the_run_was_not_to_end(tmp_path):
    """Without a signal, and where a handler of one's own returns: then there is a save, too."""
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    with pytest.raises(RuntimeError, match="a worker is dead"):
        train(TrainingCheckpoint(tmp_path / "a"), train_begin=Fails(signal.SIGTERM, 3))
    assert load_training(tmp_path / "a")["local"]["within"]["batch"] == 2
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with pytest.raises(RuntimeError, match="a worker is dead"):
        train(TrainingCheckpoint(tmp_path / "b"), train_begin=Fails(0, 3))
    assert list((tmp_path / "b").iterdir()) == []


def test_an_error_in_the_batch_is_no_loaders(tmp_path):
    """What a batch was half through with is not saved as if it were whole."""

    class Both(Once):
        def __call__(self, *_):
            super().__call__()
            if self.left == 0:
                raise ZeroDivisionError

    broken = LambdaCallback(on_backward_end=Both(signal.SIGTERM, 3))
    with pytest.raises((ZeroDivisionError, SystemExit)):
        train(TrainingCheckpoint(tmp_path), broken)
    assert list(tmp_path.iterdir()) == []


def test_a_loader_that_hangs_is_broken_off_at_the_deadline(tmp_path, caplog):
    """In a wait that nothing else would end; everything is closed, and the last save is there."""
    closed = []
    waiting = threading.Event()

    class Hangs(Once):
        def __call__(self):
            super().__call__()
            if self.left == 0:
                waiting.wait(200)
                pytest.fail("nothing has broken it off")

    saver = TrainingCheckpoint(tmp_path, trigger=EveryEpochs(1) | OnSignal(deadline=0.2))
    close = LambdaCallback(close=lambda: closed.append(True))
    with caplog.at_level(logging.WARNING), pytest.raises(SystemExit) as caught:
        train(saver, close, train_begin=Hangs(signal.SIGTERM, 7))
    assert caught.value.code == 143
    assert closed == [True]
    assert "SIGTERM has waited" in caplog.text
    assert len(unpacked(load_training(tmp_path)["history"])) == 1


def test_a_validation_that_hangs_is_saved_at_the_deadline(tmp_path, straight):
    """As all that it needs was kept when the training of the epoch was over."""
    waiting = threading.Event()

    class Hangs(Once):
        def __call__(self):
            super().__call__()
            if self.left == 0:
                waiting.wait(200)
                pytest.fail("nothing has broken it off")

    saver = TrainingCheckpoint(tmp_path / "run", trigger=EveryEpochs(1) | OnSignal(deadline=0.2))
    with pytest.raises(SystemExit):
        train(saver, valid_begin=Hangs(signal.SIGTERM, 3))
    assert load_training(tmp_path / "run")["local"]["within"]["batch"] == 5
    assert train(TrainingCheckpoint(tmp_path / "run"), resume="auto") == straight


def test_a_handler_of_ones_own_is_called_after_the_save(tmp_path, straight):
    """It decides: where it returns, training goes on to its end, validations too."""
    heard = []
    signal.signal(signal.SIGTERM, lambda number, frame: heard.append(os.listdir(tmp_path / "run")))
    for place in ("training", "validation"):
        assert interrupt(tmp_path / "run", place, signal.SIGTERM, 1) == straight
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert heard[0] == ["checkpoint-00001-0000001.pt"]
    assert len(heard) == 2


def test_in_another_thread_the_default_is_without_signals(tmp_path):
    """Training goes on there as ever."""
    ended = []
    saver = TrainingCheckpoint(tmp_path)
    thread = threading.Thread(target=lambda: ended.append(train(saver)))
    thread.start()
    thread.join()
    assert len(ended[0][0]) == 3


def test_a_single_process_asks_nobody(tmp_path):
    """Triggers that have to be agreed on are the same ones, and copies know no other process."""
    trigger = EveryEpochs(2) | OnSignal()
    assert in_step(trigger) is trigger
    agreed = AgreedTrigger(trigger)
    assert in_step(agreed) is trigger
    for other in (copy.deepcopy(agreed), pickle.loads(pickle.dumps(agreed))):
        other.begin(resumed=False)
        assert [other.after_epoch(epoch) for epoch in (1, 2)] == [False, True]
        assert not other.after_batch()
        other.done(saved=True)
        other.end()


@pytest.mark.parametrize("deadline", [0, -1, float("inf"), "20", True])
def test_a_deadline_is_a_number_of_seconds(deadline):
    """More than none, and finite."""
    with pytest.raises((TypeError, ValueError), match="`deadline` must be"):
        OnSignal(deadline=deadline)
