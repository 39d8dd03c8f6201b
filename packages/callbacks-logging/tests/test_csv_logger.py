# SPDX-License-Identifier: MIT
import copy
import csv
import os
import pickle
from types import SimpleNamespace

import pytest

from callbacks_core import Callback, HopelessPathError, LambdaCallback, SimpleModel
from callbacks_core.testing import play
from callbacks_logging import CSVLogger


def model(*rates):
    """Return a model whose optimizer has these learning rates."""
    return SimpleModel(None, SimpleNamespace(param_groups=[{"lr": rate} for rate in rates]))


def rows(path, separator=","):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter=separator))


def test_an_epoch_is_a_row(tmp_path):
    """The columns are the reference's, and stand in its order; lines end as CSV's do."""
    logs = [{"loss": 0.5, "acc": 90.0, "val_loss": 0.25, "val_acc": 91.5}, {"loss": 0.1}]
    play(CSVLogger(tmp_path / "log.csv"), logs, model=model(0.1))
    assert (tmp_path / "log.csv").read_bytes() == (
        b"epoch,time,lr,loss,acc,val_loss,val_acc\r\n"
        b"1,0.0,0.1,0.5,90.0,0.25,91.5\r\n"
        b"2,0.0,0.1,0.1,,,\r\n"
    )


def test_columns_of_the_validation_are_there_without_one(tmp_path):
    """A reader finds the same columns whether there was a validation or not."""
    play(CSVLogger(tmp_path / "log.csv"), [{"loss": 0.5, "acc": 90.0}], model=model(0.1))
    header, row = rows(tmp_path / "log.csv")
    assert header == ["epoch", "time", "lr", "loss", "acc", "val_loss", "val_acc"]
    assert row[-2:] == ["", ""]


def test_each_parameter_group_has_a_column(tmp_path):
    """Several learning rates are told apart by their number."""
    play(CSVLogger(tmp_path / "log.csv"), [{"loss": 0.5}], model=model(0.1, 0.2))
    header, row = rows(tmp_path / "log.csv")
    assert header == ["epoch", "time", "lr_group_0", "lr_group_1", "loss", "val_loss"]
    assert row[2:4] == ["0.1", "0.2"]


def test_without_an_optimizer_there_is_no_learning_rate(tmp_path):
    """A loop without an optimizer is logged all the same."""
    play(CSVLogger(tmp_path / "log.csv"), [{"loss": 0.5}])
    assert rows(tmp_path / "log.csv")[0] == ["epoch", "time", "loss", "val_loss"]


class Halve(Callback):
    """A scheduler: the next epoch is trained with half the learning rate."""

    def on_epoch_end(self, epoch_number, logs):
        self.model.optimizer.param_groups[0]["lr"] /= 2


@pytest.mark.parametrize("first", [True, False])
def test_the_learning_rate_is_the_one_of_the_epoch(tmp_path, first):
    """It does not matter whether a scheduler stands before or behind the logger."""
    logger = CSVLogger(tmp_path / "log.csv")
    callbacks = [logger, Halve()] if first else [Halve(), logger]
    play(callbacks, [{"loss": 0.5}] * 3, model=model(1.0))
    assert [row[2] for row in rows(tmp_path / "log.csv")[1:]] == ["1.0", "0.5", "0.25"]


def test_a_batch_is_a_row(tmp_path):
    """Rows of batches precede their epoch's; their epoch and learning rate are blank."""
    batches = [{"loss": 0.5, "acc": 1.0}, {"loss": 0.25, "acc": 2.0}]
    logger = CSVLogger(tmp_path / "log.csv", batch_granularity=True)
    play(logger, [{"loss": 0.3, "acc": 1.5, "val_loss": 3.0}], batches=batches, model=model(0.1))
    assert rows(tmp_path / "log.csv") == [
        ["epoch", "batch", "size", "time", "lr", "loss", "acc", "val_loss", "val_acc"],
        ["", "1", "1", "0.0", "", "0.5", "1.0", "", ""],
        ["", "2", "1", "0.0", "", "0.25", "2.0", "", ""],
        ["1", "", "", "0.0", "0.1", "0.3", "1.5", "3.0", ""],
    ]


def test_rows_of_batches_can_be_filled(tmp_path):
    """With `fill_batch_rows` every row tells its epoch and its learning rate."""
    logger = CSVLogger(tmp_path / "log.csv", batch_granularity=True, fill_batch_rows=True)
    play([logger, Halve()], [{"loss": 0.3}] * 2, batches=1, model=model(1.0))
    _, *written = rows(tmp_path / "log.csv")
    assert [(row[0], row[1], row[4]) for row in written] == [
        ("1", "1", "1.0"),
        ("1", "", "1.0"),
        ("2", "1", "0.5"),
        ("2", "", "0.5"),
    ]


def test_a_later_value_gets_a_column(tmp_path):
    """Values that appear later join those of their kind, and no row is lost."""
    logs = [{"loss": 1.0}, {"loss": 2.0, "extra": 5.0}, {"loss": 3.0, "val_new": 6.0}]
    play(CSVLogger(tmp_path / "log.csv"), logs)
    assert rows(tmp_path / "log.csv") == [
        ["epoch", "time", "loss", "extra", "val_loss", "val_new"],
        ["1", "0.0", "1.0", "", "", ""],
        ["2", "0.0", "2.0", "5.0", "", ""],
        ["3", "0.0", "3.0", "", "", "6.0"],
    ]
    assert os.listdir(tmp_path) == ["log.csv"]


def test_no_cell_is_a_formula_or_breaks_a_line(tmp_path):
    """A spreadsheet shows names and texts as texts; separators and line ends do no harm."""
    logs = [
        {"=HYPERLINK(1)": 1.0, "a,b": -2.0, "c\r\nd": 3.0, "note": "@now\n", "nan": float("nan")}
    ]
    play(CSVLogger(tmp_path / "log.csv"), logs)
    header, row = rows(tmp_path / "log.csv")
    assert header[2:7] == ["loss", "'=HYPERLINK(1)", "a,b", "c  d", "note"]
    assert row[3:8] == ["1.0", "-2.0", "3.0", "'@now ", "nan"]


@pytest.mark.parametrize("separator", [";", "\t", "|", " "])
def test_the_separator_can_be_chosen(tmp_path, separator):
    """Whatever can separate numbers may do so, and may stand in a name all the same."""
    logger = CSVLogger(tmp_path / "log.csv", separator=separator)
    play(logger, [{"loss": 0.5, "a; | b": 1.5}])
    header, row = rows(tmp_path / "log.csv", separator)
    assert dict(zip(header, row, strict=True))["a; | b"] == "1.5"


@pytest.mark.parametrize(
    ("separator", "error", "message"),
    [
        ("::", ValueError, "`separator` must be a single character, not '::'"),
        ("", ValueError, "`separator` must be a single character, not ''"),
        (None, TypeError, "`separator` must be a str, not None"),
        (".", ValueError, "`separator` cannot be '.', which values are written with"),
        ("e", ValueError, "`separator` cannot be 'e', which values are written with"),
        ('"', ValueError, "`separator` cannot be '\"', which values are written with"),
    ],
)
def test_a_bad_separator_is_refused_at_once(separator, error, message):
    """The message says what is wrong with it."""
    with pytest.raises(error) as caught:
        CSVLogger("log.csv", separator=separator)
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["folder", "file/log.csv", "x" * 300])
def test_a_hopeless_path_is_refused_before_the_first_batch(tmp_path, name):
    """A run is not trained for nothing; the message names the path."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    batches = []
    seen = LambdaCallback(on_train_batch_begin=lambda *arguments: batches.append(arguments))
    with pytest.raises(HopelessPathError, match="cannot be written") as caught:
        play([CSVLogger(tmp_path / name), seen], [{"loss": 0.5}])
    assert caught.value.filename == str(tmp_path / name)
    assert batches == []


def test_missing_folders_are_made(tmp_path):
    """A path may lead to where nothing is yet; it may be a str."""
    play(CSVLogger(str(tmp_path / "a" / "b" / "log.csv")), [{"loss": 0.5}])
    assert len(rows(tmp_path / "a" / "b" / "log.csv")) == 2


def test_a_row_is_in_the_file_when_its_epoch_has_ended(tmp_path):
    """Whoever is killed afterwards leaves the row behind."""
    path = tmp_path / "log.csv"
    seen = []
    look = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(len(rows(path))))
    play([CSVLogger(path), look], [{"loss": 0.5}] * 2)
    assert seen == [2, 3]


def test_an_exception_leaves_a_complete_file(tmp_path):
    """Rows of batches that were waiting are written, and the file is closed."""

    def fail(batch, logs):
        if batch == 3:
            raise RuntimeError("out of memory")

    path = tmp_path / "log.csv"
    logger = CSVLogger(path, batch_granularity=True)
    with pytest.raises(RuntimeError):
        play([logger, LambdaCallback(on_train_batch_begin=fail)], [{"loss": 0.5}], batches=5)
    assert [row[1] for row in rows(path)] == ["batch", "1", "2"]


def test_a_full_disk_is_reported_and_does_not_end_training(caplog):
    """The first failure is told with its cause; after three the logger is switched off."""
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    played = play(CSVLogger("/dev/full"), [{"loss": 0.5}] * 5)
    assert len(played.history) == 5
    assert "CSVLogger.on_epoch_end failed; training goes on" in caplog.text
    assert "No space left on device" in caplog.text
    assert "CSVLogger is switched off after 3 failures in a row" in caplog.text


def test_other_ranks_write_nothing(tmp_path, monkeypatch):
    """Two processes with one file name do not fight for it."""
    monkeypatch.setenv("RANK", "1")
    logger = CSVLogger(tmp_path / "log.csv", batch_granularity=True, append=True)
    play(logger, [{"loss": 0.5}], model=model(0.1))
    assert os.listdir(tmp_path) == []


def test_a_logger_can_be_used_again_copied_and_pickled(tmp_path):
    """A second training starts the file anew; a copy writes to the same file."""
    logger = CSVLogger(tmp_path / "log.csv")
    play(logger, [{"loss": 0.5}] * 2)
    for again in (logger, copy.deepcopy(logger), pickle.loads(pickle.dumps(logger))):
        play(again, [{"loss": 0.25}])
        assert [row[2] for row in rows(tmp_path / "log.csv")] == ["loss", "0.25"]


def test_evaluating_alone_writes_nothing(tmp_path):
    """The file belongs to training."""
    logger = CSVLogger(tmp_path / "log.csv")
    logger.on_test_begin({})
    logger.on_test_end({"test_loss": 1.0})
    logger.close()
    assert os.listdir(tmp_path) == []


def test_values_of_batches_come_over_together(tmp_path):
    """Logging every batch does not read each batch's tensors for itself."""
    torch = pytest.importorskip("torch")
    read = []

    class Counting(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            if function.__name__ in ("item", "tolist", "__float__"):
                read.append(function.__name__)
            return super().__torch_function__(function, types, args, kwargs or {})

    batches = [{"loss": torch.tensor(float(i)).as_subclass(Counting)} for i in range(200)]
    logger = CSVLogger(tmp_path / "log.csv", batch_granularity=True)
    play(logger, [{"loss": 0.5}], batches=batches)
    assert [float(row[4]) for row in rows(tmp_path / "log.csv")[1:201]] == list(range(200))
    assert len(read) <= 20
