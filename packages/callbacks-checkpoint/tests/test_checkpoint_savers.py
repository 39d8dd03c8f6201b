# SPDX-License-Identifier: MIT
import random
import sys

import pytest
import torch

from callbacks_checkpoint import (
    LRSchedulerCheckpoint,
    ModelCheckpoint,
    OptimizerCheckpoint,
    PeriodicSaveLambda,
    PeriodicStateSave,
    RandomStatesCheckpoint,
    SaveFailedError,
    StateCheckpoint,
    get_random_states,
    load_checkpoint,
    load_random_states,
    save_random_states,
    set_random_states,
    verify_checkpoint,
)
from callbacks_core import HOOKS, Callback, SimpleModel, TrainingLoop
from callbacks_core.testing import play


class Decay(Callback):
    """A schedule: the rate halves with each epoch; remembers which hooks it heard."""

    def __init__(self):
        self.epochs = 0
        self.heard = []

    def on_train_begin(self, logs):
        self.heard.append("on_train_begin")

    def on_epoch_end(self, epoch_number, logs):
        self.epochs += 1
        for group in self.model.optimizer.param_groups:
            group["lr"] /= 2

    def state_dict(self):
        return {"epochs": self.epochs}

    def load_state_dict(self, state):
        self.epochs = state["epochs"]


def model_of(optimizer=torch.optim.Adam):
    torch.manual_seed(0)
    network = torch.nn.Linear(3, 1)
    return SimpleModel(network, optimizer(network.parameters(), lr=0.1))


def train(model, *callbacks, epochs=3):
    batches = [(x, x.sum(1, keepdim=True)) for x in torch.randn(8, 3).split(4)]
    with TrainingLoop(model.network, model.optimizer, callbacks=list(callbacks)) as loop:
        for epoch in loop.epochs(epochs):
            for x, y in epoch.train(batches):
                loss = torch.nn.functional.mse_loss(model.network(x), y)
                model.optimizer.zero_grad()
                loss.backward()
                model.optimizer.step()
                loop.log(loss=loss)
    return loop.history


def losses(*values):
    return [{"val_loss": value} for value in values]


def test_the_state_of_the_optimizer_is_saved(tmp_path):
    """Moments and rates; a new optimizer that loads the file goes on from there."""
    model = model_of()
    train(model, OptimizerCheckpoint(tmp_path / "optimizer-{epoch}.pt"))
    state = load_checkpoint(tmp_path / "optimizer-3.pt")
    assert state["state"][0]["step"] == 6
    fresh = model_of()
    fresh.optimizer.load_state_dict(torch.load(tmp_path / "optimizer-3.pt", weights_only=True))
    expected = model.optimizer.state_dict()["state"][0]["exp_avg"]
    assert torch.equal(fresh.optimizer.state_dict()["state"][0]["exp_avg"], expected)
    assert load_checkpoint(tmp_path / "optimizer-1.pt")["state"][0]["step"] == 2


def test_the_best_state_of_the_optimizer_comes_back(tmp_path):
    """With the rate it had."""
    model = model_of()
    saver = OptimizerCheckpoint(tmp_path / "best.pt", save_best_only=True, restore_best=True)
    play([Decay(), saver], losses(2, 1, 3), model=model)
    assert model.optimizer.param_groups[0]["lr"] == pytest.approx(0.1 / 4)


def test_a_model_without_an_optimizer_has_none_to_save(tmp_path):
    """The end of the run says so."""
    saver = OptimizerCheckpoint(tmp_path / "optimizer.pt")
    with pytest.raises(SaveFailedError, match="needs a model with an optimizer"):
        play(saver, losses(1), model=SimpleModel(torch.nn.Linear(1, 1)))


def test_a_scheduler_steps_before_it_is_saved(tmp_path):
    """The saver runs it: every hook goes to it first."""
    decay, model = Decay(), model_of()
    play(LRSchedulerCheckpoint(decay, tmp_path / "{epoch}.pt"), losses(1, 1), model=model)
    assert decay.epochs == 2
    assert model.optimizer.param_groups[0]["lr"] == pytest.approx(0.1 / 4)
    assert load_checkpoint(tmp_path / "2.pt") == {"epochs": 2}


def test_a_wrapped_callback_hears_every_hook(tmp_path):
    """In the order of the loop, with what the others hear."""
    calls = []

    class Everything(Callback):
        def state_dict(self):
            return {"calls": len(calls)}

        def load_state_dict(self, state):
            calls.append("loaded")

    def hook(name):
        def record(self, *arguments):
            calls.append((name, arguments[:-1] if "epoch" in name or "batch" in name else ()))

        return record

    for name in HOOKS:
        setattr(Everything, name, hook(name))
    saver = LRSchedulerCheckpoint(Everything(), tmp_path / "state.pt")
    play(saver, [{"val_loss": 1}], model=model_of())
    heard = calls[:]
    calls.clear()
    play(Everything(), [{"val_loss": 1}], model=model_of())
    assert heard == calls
    for name in HOOKS:
        if "test" in name or "predict" in name:
            getattr(saver, name)(*((1, {}) if "batch" in name else ({},)))
            assert calls[-1][0] == name
    saver.on_exception(ValueError())
    assert calls[-1][0] == "on_exception"


def test_the_state_of_a_wrapped_scheduler_is_state_of_the_saver(tmp_path):
    """A whole run's checkpoint need not know of the wrapping."""
    saver = LRSchedulerCheckpoint(Decay(), tmp_path / "state.pt")
    play(saver, losses(1, 1, 1), model=model_of())
    fresh = LRSchedulerCheckpoint(Decay(), tmp_path / "state.pt")
    fresh.load_state_dict(saver.state_dict())
    assert fresh.lr_scheduler.epochs == 3


def test_the_best_state_of_a_scheduler_comes_back(tmp_path):
    """After its own end of training."""
    decay = Decay()
    saver = LRSchedulerCheckpoint(decay, tmp_path / "b.pt", save_best_only=True, restore_best=True)
    play(saver, losses(2, 1, 3), model=model_of())
    assert decay.epochs == 2


@pytest.mark.parametrize("wrong", [Callback, object(), type("Plain", (Callback,), {})(), None])
def test_what_has_no_state_is_no_scheduler(tmp_path, wrong):
    """The message is that of the reference, and says what is expected."""
    with pytest.raises(ValueError, match=r"Unknown scheduler callback .* with a state_dict"):
        LRSchedulerCheckpoint(wrong, tmp_path / "state.pt")


def test_a_function_writes_the_file(tmp_path):
    """It gets the file, the epoch and its logs."""

    def write(fd, epoch, logs):
        fd.write(f"{epoch} {logs['val_loss']}")

    play(PeriodicSaveLambda(write, tmp_path / "{epoch}.txt", open_mode="w"), losses(3, 4))
    assert (tmp_path / "2.txt").read_text() == "2 4"
    play(PeriodicSaveLambda(lambda fd, *_: fd.write(b"bytes"), tmp_path / "b"), losses(1))
    assert (tmp_path / "b").read_bytes() == b"bytes"
    with pytest.raises(TypeError, match="`func` must be a function of a file"):
        PeriodicSaveLambda("text", tmp_path / "b")
    with pytest.raises(TypeError, match=r"needs a PeriodicSaveLambda\.restore method"):
        PeriodicSaveLambda(write, tmp_path / "b", save_best_only=True, restore_best=True)


def test_states_are_saved_by_name(tmp_path):
    """Anything with a state will do."""
    decay, scaler = Decay(), torch.nn.Linear(2, 1)
    saver = StateCheckpoint({"decay": decay, "layer": scaler}, tmp_path / "{epoch}.pt")
    play([decay, saver], losses(1, 1), model=model_of())
    state = load_checkpoint(tmp_path / "2.pt")
    assert state["decay"] == {"epochs": 2}
    assert torch.equal(state["layer"]["weight"], scaler.weight)


def test_the_best_states_come_back(tmp_path):
    """Each to its object."""
    decay = Decay()
    options = {"save_best_only": True, "restore_best": True}
    saver = StateCheckpoint({"decay": decay}, tmp_path / "states.pt", **options)
    play([decay, saver], losses(2, 1, 3), model=model_of())
    assert decay.epochs == 2


def test_names_on_one_side_only_are_told_of(tmp_path, caplog):
    """What there is on both sides is restored."""
    decay = Decay()
    saver = StateCheckpoint({"a": decay, "b": Decay()}, tmp_path / "states.pt")
    saver.restore_state({"a": {"epochs": 7}, "c": {}})
    assert decay.epochs == 7
    assert "the checkpoint has no state of 'b'" in caplog.text
    assert "the checkpoint also has a state of 'c'" in caplog.text


@pytest.mark.parametrize(
    ("things", "error", "message"),
    [
        ([], TypeError, r"`name_to_stateful` must be a dict of names and objects, not \[\]"),
        ({}, ValueError, "`name_to_stateful` must not be empty"),
        ({1: Decay()}, TypeError, "a name in `name_to_stateful` must be a string, not 1"),
        ({"a": 1}, TypeError, r"\['a'\] must have state_dict\(\) and load_state_dict\(\)"),
        ({"a": Decay}, TypeError, r"\['a'\] must have state_dict\(\)"),
    ],
)
def test_what_has_no_state_cannot_be_saved(tmp_path, things, error, message):
    """It is refused at once."""
    with pytest.raises(error, match=message):
        StateCheckpoint(things, tmp_path / "states.pt")


def draws():
    """Return numbers from each generator there is."""
    drawn = [random.random(), random.gauss(0, 1), torch.rand(3).tolist()]
    if "numpy.random" in sys.modules:
        drawn.append(sys.modules["numpy.random"].random(3).tolist())
    return drawn


def test_random_generators_go_on_from_where_they_were(tmp_path):
    """Python's with its spare normal number, NumPy's where it is imported, torch's."""
    random.gauss(0, 1)
    save_random_states(tmp_path / "random.pt")
    expected = draws()
    assert draws() != expected
    load_random_states(tmp_path / "random.pt")
    assert draws() == expected


def test_numpy_is_among_them(tmp_path):
    """Where it is installed."""
    numpy = pytest.importorskip("numpy")
    numpy.random.seed(3)
    numpy.random.normal()
    save_random_states(tmp_path / "random.pt")
    expected = numpy.random.normal(size=3).tolist()
    load_random_states(tmp_path / "random.pt")
    assert numpy.random.normal(size=3).tolist() == expected


def test_a_state_of_numpy_where_there_is_none_is_told_of(monkeypatch, caplog):
    """The others are set."""
    states = get_random_states()
    expected = torch.rand(2)
    monkeypatch.setitem(sys.modules, "numpy", None)
    set_random_states({**states, "numpy": {}})
    assert torch.equal(torch.rand(2), expected)
    assert "random state of NumPy, which is not installed" in caplog.text


def test_states_of_devices_that_are_not_here_are_told_of(caplog):
    """A file from a machine with more devices can be loaded."""
    states = get_random_states()
    count = torch.cuda.device_count() + 1
    set_random_states({**states, "cuda": count * [torch.get_rng_state()]} if count == 1 else states)
    if count == 1:
        assert "random states of 1 CUDA devices, and 0 are here" in caplog.text


@pytest.mark.gpu
def test_cuda_is_among_them(tmp_path):
    """Once it has been used."""
    torch.rand(1, device="cuda")
    save_random_states(tmp_path / "random.pt")
    expected = torch.rand(3, device="cuda")
    load_random_states(tmp_path / "random.pt")
    assert torch.equal(torch.rand(3, device="cuda"), expected)


def test_random_states_are_saved_with_each_epoch(tmp_path):
    """And those of the best one are restored, if asked for."""
    drawn = []

    class Draw(Callback):
        def on_epoch_begin(self, epoch_number, logs):
            drawn.append(torch.rand(1).item())

    options = {"save_best_only": True, "restore_best": True}
    saver = RandomStatesCheckpoint(tmp_path / "random.pt", **options)
    play([Draw(), saver], losses(2, 1, 3))
    assert torch.rand(1).item() == drawn[2]


@pytest.mark.parametrize(
    "make",
    [
        ModelCheckpoint,
        OptimizerCheckpoint,
        RandomStatesCheckpoint,
        lambda path: LRSchedulerCheckpoint(Decay(), path),
        lambda path: StateCheckpoint({"decay": Decay()}, path),
    ],
    ids=["model", "optimizer", "random", "scheduler", "state"],
)
def test_every_state_is_sealed_and_says_what_it_is(tmp_path, make):
    """The list of files can show epoch and value without loading anything."""
    saver = make(tmp_path / "state-{epoch}.pt")
    assert isinstance(saver, PeriodicStateSave)
    train(model_of(), saver, epochs=2)
    checked = verify_checkpoint(tmp_path / "state-2.pt")
    assert checked.verdict == "whole"
    assert checked.about == {
        "saver": type(saver).__name__,
        "series": "state-{epoch}.pt",
        "epoch": 2,
    }


def test_a_checkpoint_cannot_be_appended_to(tmp_path):
    """Two in one file are none."""
    with pytest.raises(ValueError, match="`open_mode` 'ab' would put one checkpoint behind"):
        ModelCheckpoint(tmp_path / "state.pt", open_mode="ab", atomic_write=False)


def test_a_checkpoint_can_be_written_in_place(tmp_path):
    """It is sealed all the same."""
    saver = ModelCheckpoint(tmp_path / "state.pt", atomic_write=False)
    play(saver, losses(1, 2), model=model_of())
    assert verify_checkpoint(tmp_path / "state.pt").about["epoch"] == 2


def test_a_file_says_what_it_was_worth(tmp_path):
    """The monitored value is there when the logs have it."""
    saver = ModelCheckpoint(tmp_path / "state.pt", monitor="acc", mode="max")
    play(saver, [{"acc": 0.5}], model=model_of())
    about = verify_checkpoint(tmp_path / "state.pt").about
    assert (about["monitor"], about["mode"], about["value"]) == ("acc", "max", 0.5)
