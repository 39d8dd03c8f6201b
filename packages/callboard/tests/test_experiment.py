# SPDX-License-Identifier: MIT
"""Experiments: what they leave behind, what they take for granted, what they refuse."""

import json
import math
import re
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from torch.utils.data import TensorDataset

from callboard import (
    EarlyStopping,
    Experiment,
    Model,
    ModelBundle,
    ResumeError,
    StepLR,
    TrainingCheckpoint,
    load_checkpoint,
)
from callboard.experiment import _files

X = torch.linspace(-1, 1, 24).reshape(12, 2)
Y = X.sum(1, keepdim=True)
LABELS = (X.sum(1) > 0).long()


@pytest.fixture(autouse=True)
def without_extras(request, monkeypatch):
    """Draw nothing, which takes a second each time."""
    if "drawn" not in request.node.name:
        monkeypatch.setattr(_files, "find_spec", lambda name: None)


def network(outputs: int = 1) -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Linear(2, outputs)


def experiment(folder: Path, **options) -> Experiment:
    return Experiment(folder, network(), **{"task": "regression", **options})


def train(trained: Experiment, epochs: int = 3, **options) -> list[dict[str, float]]:
    options = {"verbose": False, "disable_tensorboard": True, **options}
    return trained.train_data(X, Y, (X, Y), epochs=epochs, batch_size=4, **options)


def test_it_leaves_everything_in_its_directory(tmp_path):
    """Under the names that readers of such directories expect."""
    made = experiment(tmp_path / "deep" / "run")
    history = train(made, lr_schedulers=[StepLR(1, gamma=0.5)])
    names = {path.name for path in made.directory.iterdir()}
    expected = {
        "log.tsv",
        "checkpoint.ckpt",
        "checkpoint.optim",
        "checkpoint.randomstate",
        "last.epoch",
        "lr_sched_0.lrsched",
        "run",
        "environment.json",
        *(f"checkpoint_epoch_{n}.ckpt" for n in (1, 2, 3)),
    }
    assert names - {"plots"} == expected
    assert made.get_path("last.epoch") == str(tmp_path / "deep/run/last.epoch")
    assert (made.directory / "last.epoch").read_text() == "3"
    assert [row["lr"] for row in made.history] == [0.01, 0.005, 0.0025]
    for row, logs in zip(made.history, history, strict=True):
        assert {name: row[name] for name in logs} == logs
    (started,) = json.loads((made.directory / "environment.json").read_text("utf-8"))
    assert started["torch"] == version("torch")


def test_curves_are_drawn_where_the_extras_are_installed(tmp_path):
    """A picture of each metric, in two formats, and a log for TensorBoard."""
    pytest.importorskip("matplotlib")
    pytest.importorskip("tensorboard")
    made = experiment(tmp_path, batch_metrics=["mae"])
    train(made, disable_tensorboard=False)
    drawn = {path.name for path in (tmp_path / "plots").iterdir()}
    assert drawn == {"loss.png", "loss.pdf", "mae.png", "mae.pdf"}
    assert (tmp_path / "plots/loss.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "tensorboard/loss_val_loss").is_dir()
    figures, axes = made.plot_history(metrics="mae")
    assert len(figures) == len(axes) == 1


def test_a_disk_that_takes_no_picture_ends_no_training(tmp_path, caplog, monkeypatch):
    """Nor does anything else of what is only to be looked at."""

    def broken(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_files, "find_spec", lambda name: name == "matplotlib")
    monkeypatch.setattr(_files, "plot_history", broken)
    monkeypatch.setattr(_files, "describe_environment", broken)
    assert len(train(experiment(tmp_path))) == 3
    assert "cannot write the plots of the experiment" in caplog.text
    assert "cannot write the environment of the experiment" in caplog.text


def test_a_second_start_goes_on_where_the_first_has_ended(tmp_path):
    """Epochs, weights and log are those of a single run; what is complete is not trained again."""
    for epochs in (2, 5, 5):
        history = train(experiment(tmp_path / "a"), epochs)
    whole = train(experiment(tmp_path / "b"), 5)
    for one, other in zip(history, whole, strict=True):
        assert {**one, "time": 0} == {**other, "time": 0}
    ours, theirs = (load_checkpoint(tmp_path / name / "checkpoint.ckpt") for name in "ab")
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert len(json.loads((tmp_path / "a/environment.json").read_text("utf-8"))) == 3


def test_a_fast_run_touches_no_file(tmp_path):
    """Neither of a run that was there before, nor any other."""
    made = experiment(tmp_path / "run")
    assert len(train(made, fast_dev_run=True)) == 1
    assert not made.directory.exists()


def test_a_training_can_begin_anew(tmp_path):
    """If that is asked for."""
    train(experiment(tmp_path), 3)
    assert len(train(experiment(tmp_path), 2, resume=None)) == 2
    assert [row["epoch"] for row in experiment(tmp_path).history] == [1, 2]


def test_a_run_that_stopped_early_stays_stopped(tmp_path):
    """Its directory says so, however many epochs are asked for."""
    for _ in range(2):
        stopping = EarlyStopping(patience=2, min_delta=100.0)
        assert len(train(experiment(tmp_path), 50, callbacks=[stopping])) == 3


def test_the_best_weights_are_tested_by_default(tmp_path):
    """Others by a number, a word or a path; a row of the results is left in a file."""

    made = experiment(tmp_path, monitor_metric="val_loss", monitor_mode="max")
    train(made)
    losses = {}
    made.load_checkpoint("last")
    made.model.save_weights(tmp_path / "other.ckpt")
    for which in ("best", 1, "last", tmp_path / "other.ckpt"):
        losses[which] = made.test_data(X, Y, checkpoint=which, verbose=False)["test_loss"]
    assert losses["best"] == losses[1] > losses["last"] == losses[tmp_path / "other.ckpt"]
    row = (tmp_path / "test_log.tsv").read_text().split()
    assert row == ["test_loss", str(losses["last"])]
    made.test_dataset(TensorDataset(X, Y), name="again", verbose=False)
    header, values = (tmp_path / "again_log.tsv").read_text().splitlines()
    assert header == "epoch\ttest_loss"
    assert values.split("\t")[0] == "1"


def test_results_of_a_test_come_with_predictions(tmp_path):
    """As a tuple, the dict first."""
    made = experiment(tmp_path)
    train(made)
    logs, predictions = made.test_data(X, Y, return_pred=True, verbose=False)
    assert set(logs) == {"time", "test_loss"}
    assert predictions.shape == (12, 1)
    assert (made.infer_data(X, verbose=False) == predictions).all()
    dataset = TensorDataset(X, Y)
    again = made.infer_dataset(dataset, has_ground_truth=True, verbose=False)
    assert (again == predictions).all()
    assert (made.infer([(X, Y)], has_ground_truth=True, verbose=False) == predictions).all()
    assert made.test([(X, Y)], verbose=False)["test_loss"] == pytest.approx(logs["test_loss"])


def test_a_classification_is_measured_by_its_f_score(tmp_path):
    """Loss and metrics are the usual ones; the network's own go before."""
    made = Experiment(tmp_path, network(2), task="classification")
    (logs,) = made.train_data(
        X, LABELS, (X, LABELS), epochs=1, verbose=False, disable_tensorboard=True
    )
    assert (made.monitor_metric, made.monitor_mode) == ("val_fscore_macro", "max")
    assert {"val_accuracy", "val_fscore_macro"} < set(logs)
    own = network()
    own.loss_function = "l1"
    own.batch_metrics = ["mse"]
    logs = train(Experiment(tmp_path / "own", own), 1)[0]
    assert "mse" in logs
    assert logs["loss"] != logs["mse"]


def test_without_validation_the_training_tells_the_best(tmp_path):
    """Unless something of a validation was asked for."""
    made = experiment(tmp_path)
    made.train([(X, Y)], epochs=2, verbose=False, disable_tensorboard=True)
    assert made.test_data(X, Y, verbose=False)["test_loss"] > 0
    asked = experiment(tmp_path / "b", monitor_metric="val_loss")
    with pytest.raises(ValueError, match="'val_loss', and there is no validation"):
        asked.train([(X, Y)], epochs=2)
    assert not (tmp_path / "b").exists()


def test_only_the_last_best_is_kept_if_wanted(tmp_path):
    """Or those of every epoch."""
    made = experiment(tmp_path / "a")
    train(made, keep_only_last_best=True)
    assert [path.name for path in made.directory.glob("*epoch_*")] == ["checkpoint_epoch_3.ckpt"]
    made = experiment(tmp_path / "b", monitoring=False)
    train(made, save_every_epoch=True)
    assert len(list(made.directory.glob("*epoch_*"))) == 3
    made = experiment(tmp_path / "c", monitoring=False)
    train(made)
    assert not list(made.directory.glob("*epoch_*"))
    assert made.test_data(X, Y, verbose=False)["test_loss"] == pytest.approx(
        made.history[-1]["val_loss"]
    )


def test_without_logging_nothing_is_written(tmp_path):
    """And what is tested is the network as it is."""
    made = experiment(tmp_path / "a", logging=False)
    history = train(made, lr_schedulers=[StepLR(1)])
    expected = pytest.approx(history[-1]["val_loss"])
    assert made.test_data(X, Y, verbose=False)["test_loss"] == expected
    assert not (tmp_path / "a").exists()


def test_which_of_two_is_better(tmp_path):
    """Each is compared with the other, not with itself; both need the same measure."""
    short, long = experiment(tmp_path / "a"), experiment(tmp_path / "b")
    train(short, 1)
    train(long, 5)
    assert long.is_better_than(short)
    assert not short.is_better_than(long)
    assert not short.is_better_than(short)
    other = experiment(tmp_path / "a", monitor_metric="loss")
    with pytest.raises(ValueError, match="different values"):
        long.is_better_than(other)
    with pytest.raises(FileNotFoundError, match="no epoch's weights"):
        long.is_better_than(experiment(tmp_path / "c"))
    with pytest.raises(TypeError, match="must be an Experiment, not float"):
        long.is_better_than(0.5)


def test_what_was_trained_is_there_as_tables(tmp_path):
    """For those who have pandas."""
    made = experiment(tmp_path)
    train(made, 4)
    (tmp_path / "checkpoint_epoch_2.ckpt").unlink()
    pytest.importorskip("pandas")
    assert list(made.get_stats()["epoch"]) == [1, 2, 3, 4]
    assert list(made.get_best_epoch_stats()["epoch"]) == [4]
    assert list(made.get_saved_epochs()["epoch"]) == [1, 3, 4]


def test_without_pandas_the_history_is_offered(tmp_path, monkeypatch):
    """It is a list of dicts."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"`experiment\.history` needs none"):
        experiment(tmp_path).get_stats()
    assert experiment(tmp_path).history == []


def test_a_model_of_ones_own_will_do(tmp_path):
    """A subclass with its own training step, say."""

    class Halved(Model):
        def training_step(self, batch):
            x, y = batch
            return self.loss_function(self.network(x), y) / 2

    made = ModelBundle.from_model(tmp_path, Halved(network(), "sgd", "mse"))
    logs = train(made)[-1]
    assert logs["loss"] < logs["val_loss"]
    with pytest.raises(TypeError, match="`model` must be a Model, not Linear"):
        Experiment.from_model(tmp_path, network())


def test_ones_own_saver_takes_the_place_of_ours(tmp_path):
    """With another trigger, another folder; a second start finds it."""
    for epochs in (2, 3):
        saver = TrainingCheckpoint(tmp_path / "elsewhere")
        history = train(experiment(tmp_path / "a"), epochs, callbacks=[saver])
        assert [int(logs["epoch"]) for logs in history] == list(range(1, epochs + 1))
    assert not (tmp_path / "a/run").exists()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"task": "clasification"}, ValueError, "'clasification'; did you mean 'classification'?"),
        ({"task": 3}, TypeError, "`task` must be a name such as"),
        ({"monitor_mode": "mni"}, ValueError, "did you mean 'min'?"),
        ({"task": None, "monitor_metric": "val_acc"}, ValueError, "`monitor_mode` is missing"),
        ({"task": None, "loss_function": "mes"}, ValueError, "did you mean 'mse'?"),
        ({"devise": "cpu"}, TypeError, "devise"),
    ],
)
def test_a_wrong_argument_is_told_at_once(tmp_path, options, error, message):
    """Nothing is written."""
    with pytest.raises(error, match=re.escape(message)):
        experiment(tmp_path / "a", **options)
    assert not (tmp_path / "a").exists()


def test_weights_that_are_not_there_are_told(tmp_path):
    """With those that are."""
    made = experiment(tmp_path)
    with pytest.raises(FileNotFoundError, match="nothing was trained yet in"):
        made.test_data(X, Y)
    train(made, 2)
    with pytest.raises(FileNotFoundError, match=r"no weights of epoch 7 .* only of: 1, 2"):
        made.load_checkpoint(7)
    with pytest.raises(TypeError, match="`checkpoint` must be 'best', 'last', the number"):
        made.load_checkpoint(1.5)
    with pytest.raises(FileNotFoundError, match="bset"):
        made.load_checkpoint("bset")


def test_another_networks_run_is_refused(tmp_path):
    """And so is the training of another program."""
    train(experiment(tmp_path / "a"))
    other = Experiment(tmp_path / "a", torch.nn.Linear(3, 1), task="regression")
    with pytest.raises(ResumeError, match="weight"):
        other.train_data(X, Y, epochs=5, verbose=False, disable_tensorboard=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "last.epoch").write_text("3")
    with pytest.raises(FileExistsError, match="another program has saved"):
        train(experiment(tmp_path / "b"))


def test_algorithms_are_deterministic_if_wanted(tmp_path):
    """For this training and what comes after it."""
    try:
        train(experiment(tmp_path), deterministic=True)
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


def test_a_metric_that_the_log_lacks_is_told_with_the_near_miss(tmp_path):
    """When the best epoch is asked for."""
    train(experiment(tmp_path))
    asking = experiment(tmp_path, monitor_metric="val_los", monitor_mode="min")
    with pytest.raises(KeyError, match="did you mean 'val_loss'"):
        asking.load_checkpoint("best")


def test_nan_is_never_the_best(tmp_path):
    """A log of nothing else has no best epoch."""
    made = experiment(tmp_path)
    train(made, 2)
    log = tmp_path / "log.tsv"
    lines = log.read_text().splitlines()
    column = lines[0].split("\t").index("val_loss")
    cells = lines[2].split("\t")
    cells[column] = "nan"
    log.write_text("\n".join([lines[0], lines[1], "\t".join(cells)]) + "\n")
    assert math.isnan(made.history[1]["val_loss"])
    made.load_checkpoint("best")
    assert made._find("best")[1] == {"epoch": 1}


def test_a_test_returns_a_dict_and_has_the_name_of_a_file(tmp_path):
    """Nothing else."""
    made = experiment(tmp_path)
    with pytest.raises(ValueError, match="returns a dict"):
        made.test_data(X, Y, return_dict_format=False)
    with pytest.raises(ValueError, match="must do for a file's name"):
        made.test_data(X, Y, name="../x")


def test_verbose_says_which_weights_are_loaded(tmp_path, capsys):
    """With their epoch and their file."""
    made = experiment(tmp_path)
    train(made)
    made.load_checkpoint(verbose=True)
    told = f"Loading the weights of epoch 3 from {tmp_path / 'checkpoint_epoch_3.ckpt'}\n"
    assert capsys.readouterr().out == told
