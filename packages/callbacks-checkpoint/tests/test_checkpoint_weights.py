# SPDX-License-Identifier: MIT
import copy
import math
import pickle

import pytest
import torch

from callbacks_checkpoint import BestModelRestore, ModelCheckpoint, RestoreFailedError
from callbacks_core import Callback, MissingMetricError, SimpleModel, TrainingLoop
from callbacks_core.testing import play


class Count(Callback):
    """Sets every weight and statistic to the number of the epoch, in place of training."""

    def on_epoch_begin(self, epoch_number, logs):
        for value in self.model.network.state_dict().values():
            value.fill_(epoch_number)


def make_model():
    return SimpleModel(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)))


def epoch_of(state):
    """Return the epoch that all the values of *state* are of."""
    (epoch,) = {float(value.flatten()[0]) for value in state.values()}
    return epoch


def losses(*values):
    return [{"val_loss": value} for value in values]


def test_a_checkpoint_holds_the_weights_alone(tmp_path):
    """It loads with `weights_only=True` into a network of the same shape."""
    model = make_model()
    play([Count(), ModelCheckpoint(tmp_path / "{epoch}.pt")], [{}] * 2, model=model)
    for epoch in (1, 2):
        state = torch.load(tmp_path / f"{epoch}.pt", weights_only=True)
        assert state.keys() == model.network.state_dict().keys()
        assert epoch_of(state) == epoch
    make_model().network.load_state_dict(state)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_best_weights_come_back(tmp_path, mode):
    """From the file and from memory alike, statistics of batches included."""
    path = tmp_path / "best.pt"
    for restore in (
        ModelCheckpoint(path, save_best_only=True, restore_best=True, mode=mode),
        BestModelRestore(mode=mode),
    ):
        model = make_model()
        play([Count(), restore], losses(2, 1, 3, 2), model=model)
        assert epoch_of(model.network.state_dict()) == (2 if mode == "min" else 3)
    assert epoch_of(torch.load(path, weights_only=True)) == (2 if mode == "min" else 3)


def test_the_best_weights_of_a_real_training_come_back(tmp_path):
    """After training the network gives the loss that was the best."""
    torch.manual_seed(0)
    network = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.9)  # jumps about
    x = torch.randn(32, 3)
    y = x.sum(1, keepdim=True)

    def valid_loss():
        return torch.nn.functional.mse_loss(network(x), y)

    callbacks = [ModelCheckpoint(tmp_path / "best.pt", save_best_only=True), BestModelRestore()]
    with TrainingLoop(network, optimizer, callbacks=callbacks) as loop:
        for epoch in loop.epochs(8):
            for batch in epoch.train([0, 1]):
                part = slice(batch * 16, batch * 16 + 16)
                loss = torch.nn.functional.mse_loss(network(x[part]), y[part])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                loop.log(loss=loss, size=16)
            for _ in epoch.valid([0]):
                loop.log(loss=valid_loss(), size=32)
    best = min(logs["val_loss"] for logs in loop.history)
    assert valid_loss().item() == pytest.approx(best)
    network.load_state_dict(torch.load(tmp_path / "best.pt", weights_only=True))
    assert valid_loss().item() == pytest.approx(best)


def test_code_in_a_checkpoint_does_not_run(tmp_path):
    """A file that was swapped for a hostile one is refused."""
    path = tmp_path / "best.pt"
    witness = tmp_path / "ran"

    class Hostile:
        def __reduce__(self):
            return open, (str(witness), "w")

    class Swap(Callback):
        def on_epoch_end(self, epoch_number, logs):
            torch.save(Hostile(), path)

    saver = ModelCheckpoint(path, save_best_only=True, restore_best=True)
    with pytest.raises(RestoreFailedError, match=r"best\.pt' cannot be restored: Unsafe.*io.open"):
        play([saver, Swap()], losses(1), model=make_model())
    assert not witness.exists()


def test_a_text_mode_is_refused():
    """Weights are bytes."""
    with pytest.raises(ValueError, match="`open_mode` must be binary here, such as 'wb', not 'w'"):
        ModelCheckpoint("file", open_mode="w")


def test_kept_weights_are_copies_in_the_hosts_memory():
    """What training does later does not reach them."""
    model = make_model()
    restore = BestModelRestore()
    play([Count(), restore], losses(1, 2, 3), model=model)
    kept = restore.state_dict()["weights"]
    for value in model.network.state_dict().values():
        value.fill_(9)
    assert epoch_of(kept) == 1
    assert {value.device.type for value in kept.values()} == {"cpu"}


@pytest.mark.gpu
def test_weights_on_an_accelerator_are_kept_on_the_host_and_come_back():
    """The copy takes none of the accelerator's memory."""
    model = make_model()
    model.network.cuda()
    restore = BestModelRestore()
    play([Count(), restore], losses(1, 2), model=model)
    assert {v.device.type for v in restore.state_dict()["weights"].values()} == {"cpu"}
    assert {v.device.type for v in model.network.state_dict().values()} == {"cuda"}
    assert epoch_of(model.network.state_dict()) == 1


def test_verbose_prints_a_line_for_each_best_and_for_the_restore(capsys):
    """The lines are those of the reference."""
    play(BestModelRestore(verbose=True), losses(0.5, 0.75, 0.25), model=make_model())
    assert capsys.readouterr().out == (
        "Epoch 1: val_loss improved from inf to 0.50000\n"
        "Epoch 3: val_loss improved from 0.50000 to 0.25000\n"
        "Restoring best model\n"
    )


def test_without_an_improvement_the_weights_stay(caplog):
    """A monitored value that was never a number is told of."""
    model = make_model()
    play([Count(), BestModelRestore()], losses(math.nan, math.nan), model=model)
    assert epoch_of(model.network.state_dict()) == 2
    assert "No weights to restore! 'val_loss' never improved" in caplog.text


def test_weights_of_another_training_are_not_restored():
    """An instance that is used with a second network forgets the first."""
    restore = BestModelRestore()
    play([Count(), restore], losses(1), model=make_model())
    model = make_model()
    play([Count(), restore], losses(5, 4, 6), model=model)
    assert epoch_of(model.network.state_dict()) == 2


def test_a_resumed_run_knows_the_best_weights(tmp_path):
    """The state goes through a file, where no code can hide, to a new process."""
    first = BestModelRestore()
    play([Count(), first], losses(3, 1, 2), model=make_model())
    torch.save(first.state_dict(), tmp_path / "state.pt")
    rest, model = BestModelRestore(), make_model()
    rest.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    play([Count(), rest], losses(1.5, 2), model=model, initial_epoch=4)
    assert epoch_of(model.network.state_dict()) == 2
    play([Count(), rest], losses(7, 8), model=model, initial_epoch=6)
    assert epoch_of(model.network.state_dict()) == 6


def test_best_weights_can_be_copied_and_pickled():
    """The state of a copy is the same."""
    restore = BestModelRestore(monitor="loss", mode="max")
    play([Count(), restore], [{"loss": 1.0}], model=make_model())
    for other in (copy.deepcopy(restore), pickle.loads(pickle.dumps(restore))):
        assert epoch_of(other.state_dict()["weights"]) == 1
        assert other.monitor.best == 1.0


def test_wrong_arguments_and_a_missing_monitor_are_errors():
    """What can be known is said at construction, the rest at the first epoch."""
    with pytest.raises(ValueError, match="`mode` must be one of 'min', 'max', not 'auto'"):
        BestModelRestore(mode="auto")
    with pytest.raises(TypeError, match="`monitor` must be the name of a value"):
        BestModelRestore(monitor=None)
    with pytest.raises(MissingMetricError, match="no 'val_loss' in the logs"):
        play(BestModelRestore(), [{}], model=make_model())
