# SPDX-License-Identifier: MIT
from types import SimpleNamespace

import pytest

from callbacks_core import Callback, HopelessPathError, SimpleModel
from callbacks_core.testing import play
from callbacks_logging import TensorBoardLogger, tensorboard


class Writer:
    """A writer that remembers."""

    def __init__(self):
        self.scalars = []
        self.calls = []

    def add_scalars(self, main_tag, tag_scalar_dict, global_step):
        self.scalars.append((main_tag, tag_scalar_dict, global_step))

    def flush(self):
        self.calls.append("flush")

    def close(self):
        self.calls.append("close")


def model(*rates):
    return SimpleModel(None, SimpleNamespace(param_groups=[{"lr": rate} for rate in rates]))


def test_training_and_validation_share_a_chart():
    """Tags and curves are the reference's; the number of the epoch is the step."""
    writer = Writer()
    logs = {"loss": 0.5, "acc": 90.0, "val_loss": 0.25, "val_acc": 91.0}
    play(TensorBoardLogger(writer), [logs], model=model(0.1), initial_epoch=7)
    assert writer.scalars == [
        ("time", {"time": 0.0}, 7),
        ("loss", {"loss": 0.5, "val_loss": 0.25}, 7),
        ("acc", {"acc": 90.0, "val_acc": 91.0}, 7),
        ("lr", {"lr": 0.1}, 7),
    ]


def test_only_a_prefix_makes_a_value_one_of_the_validation():
    """A metric whose name has 'val_' inside keeps its name; a text has no curve."""
    writer = Writer()
    play(TensorBoardLogger(writer), [{"interval_err": 1.0, "note": "text"}])
    assert [tag for tag, _, _ in writer.scalars] == ["time", "loss", "interval_err"]


class Halve(Callback):
    def on_epoch_end(self, epoch_number, logs):
        self.model.optimizer.param_groups[0]["lr"] /= 2


@pytest.mark.parametrize("first", [True, False])
def test_the_learning_rate_is_the_one_of_the_epoch(first):
    """It does not matter whether a scheduler stands before or behind the logger."""
    writer = Writer()
    logger = TensorBoardLogger(writer)
    play([logger, Halve()] if first else [Halve(), logger], [{"loss": 1.0}] * 2, model=model(1.0))
    assert [curves for tag, curves, _ in writer.scalars if tag == "lr"] == [
        {"lr": 1.0},
        {"lr": 0.5},
    ]


def test_each_parameter_group_has_a_curve():
    """Several learning rates share a chart."""
    writer = Writer()
    play(TensorBoardLogger(writer), [{"loss": 1.0}], model=model(0.1, 0.2))
    assert writer.scalars[-1] == ("lr", {"lr_group_0": 0.1, "lr_group_1": 0.2}, 1)


def test_a_writer_that_was_handed_in_stays_open():
    """It is flushed; who opened it closes it."""
    writer = Writer()
    logger = TensorBoardLogger(writer)
    play(logger, [{"loss": 1.0}])
    assert writer.calls == ["flush"]
    assert logger.writer is writer


def test_other_ranks_write_nothing(monkeypatch, tmp_path):
    """Only rank zero writes, and only rank zero makes a folder."""
    pytest.importorskip("torch")
    pytest.importorskip("tensorboard")
    monkeypatch.setenv("RANK", "1")
    writer = Writer()
    play([TensorBoardLogger(writer), TensorBoardLogger(tmp_path / "runs")], [{"loss": 1.0}])
    assert writer.scalars == []
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("writer", "message"),
    [
        (Writer, "`writer` is the class Writer, not an instance of it: write Writer(...)"),
        (
            3,
            "`writer` must have a method add_scalars, as torch's SummaryWriter does, or be the "
            "path of a folder; int is neither",
        ),
    ],
)
def test_something_else_is_refused_at_once(writer, message):
    """The message says what a writer needs."""
    with pytest.raises(TypeError) as caught:
        TensorBoardLogger(writer)
    assert str(caught.value) == message


def test_a_folder_needs_torch_and_tensorboard(monkeypatch):
    """Where they are missing, the error names the command that adds them."""
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    with pytest.raises(ImportError) as caught:
        TensorBoardLogger("runs")
    assert str(caught.value) == (
        "writing to the folder 'runs' needs torch and tensorboard: pip install torch "
        '"callbacks-logging[tensorboard]", or pass a writer of your own'
    )


def test_a_hopeless_folder_is_refused_before_the_first_batch(tmp_path):
    """A file in the place of the folder can never become one."""
    pytest.importorskip("torch")
    pytest.importorskip("tensorboard")
    (tmp_path / "runs").touch()
    with pytest.raises(HopelessPathError, match="cannot be written"):
        play(TensorBoardLogger(tmp_path / "runs"), [{"loss": 1.0}])


def test_tensorboard_reads_what_was_written(tmp_path):
    """A folder is enough; the curves are there afterwards, and a second training adds to them."""
    pytest.importorskip("torch")
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    ).EventAccumulator
    logger = TensorBoardLogger(tmp_path / "runs")
    play(logger, [{"loss": 0.5, "val_loss": 0.25}, {"loss": 0.125}], model=model(0.1))
    assert logger.writer is None
    play(logger, [{"loss": 0.0625}], model=model(0.1), initial_epoch=3)

    def curve(folder, tag):
        events = accumulator(str(tmp_path / "runs" / folder))
        events.Reload()
        return [(event.step, event.value) for event in events.Scalars(tag)]

    assert curve("loss_loss", "loss") == [(1, 0.5), (2, 0.125), (3, 0.0625)]
    assert curve("loss_val_loss", "loss") == [(1, 0.25)]
    assert [step for step, _ in curve("lr_lr", "lr")] == [1, 2, 3]
