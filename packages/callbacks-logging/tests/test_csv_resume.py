# SPDX-License-Identifier: MIT
import csv
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbacks_core import LambdaCallback, SimpleModel
from callbacks_core.testing import play
from callbacks_logging import CSVLogger
from callbacks_logging.csv_log.alike import OtherColumnsError
from callbacks_logging.csv_log.resume import rows_to_keep


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def epochs(path):
    return [int(row[0]) for row in rows(path)[1:] if row[0]]


def log(path, count, *, first=1, values=None, **options):
    """Train *count* epochs, from number *first*, with a logger that appends."""
    logger = CSVLogger(path, append=True, **options)
    play(logger, [values or {"loss": float(first)}] * count, initial_epoch=first)
    return logger


@pytest.mark.parametrize("empty", [True, False])
def test_a_new_file_gets_a_header(tmp_path, empty):
    """Appending to nothing is starting."""
    path = tmp_path / "log.csv"
    if empty:
        path.touch()
    log(path, 2)
    assert rows(path)[0] == ["epoch", "time", "loss", "val_loss"]
    assert epochs(path) == [1, 2]


def test_a_resumed_training_leaves_no_duplicate_and_no_gap(tmp_path):
    """Rows past the resume point are dropped, once; the others stay as they were."""
    path = tmp_path / "log.csv"
    log(path, 5)
    kept = path.read_bytes().splitlines()[:3]
    log(path, 4, first=3)
    assert epochs(path) == [1, 2, 3, 4, 5, 6]
    assert path.read_bytes().splitlines()[:3] == kept
    log(path, 2, first=7)
    assert epochs(path) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_another_training_is_written_below(tmp_path):
    """One that starts with epoch 1 goes on with nothing, and destroys nothing."""
    path = tmp_path / "log.csv"
    log(path, 2)
    log(path, 3)
    assert epochs(path) == [1, 2, 1, 2, 3]
    log(path, 1, first=3)
    assert epochs(path) == [1, 2, 1, 2, 3]


def test_batches_of_an_epoch_that_did_not_end_are_dropped(tmp_path):
    """A training that was killed within an epoch leaves its batches; they come again."""

    class Killed(BaseException):
        pass

    def kill(batch, logs):
        if batch == 2:
            raise Killed

    path = tmp_path / "log.csv"
    log(path, 1, batch_granularity=True)
    dying = CSVLogger(path, append=True, batch_granularity=True)
    with pytest.raises(Killed):
        play([dying, LambdaCallback(on_train_batch_begin=kill)], [{"loss": 0.5}], initial_epoch=2)
    assert [row[1] for row in rows(path)] == ["batch", "1", "2", "", "1"]
    log(path, 1, first=2, batch_granularity=True)
    assert [row[1] for row in rows(path)] == ["batch", "1", "2", "", "1", "2", ""]
    assert epochs(path) == [1, 2]


def test_a_restored_state_cuts_the_file_to_what_it_was(tmp_path):
    """With the state of a checkpoint the logger goes on from there, appending or not."""
    path = tmp_path / "log.csv"
    logger = CSVLogger(path)
    states = []
    save = LambdaCallback(on_settled=lambda epoch, logs: states.append(logger.state_dict()))
    play([logger, save], [{"loss": 1.0}] * 4)
    assert states == [{"rows": 1}, {"rows": 2}, {"rows": 3}, {"rows": 4}]
    resumed = CSVLogger(path)
    resumed.load_state_dict(states[1])
    play(resumed, [{"loss": 2.0}] * 2, initial_epoch=3)
    assert epochs(path) == [1, 2, 3, 4]
    assert [row[2] for row in rows(path)[1:]] == ["1.0", "1.0", "2.0", "2.0"]


def test_a_state_without_rows_destroys_nothing(tmp_path):
    """A state taken before training says nothing about a file that is appended to."""
    path = tmp_path / "log.csv"
    log(path, 2)
    logger = CSVLogger(path, append=True)
    logger.load_state_dict(CSVLogger(path).state_dict())
    play(logger, [{"loss": 1.0}], initial_epoch=3)
    assert epochs(path) == [1, 2, 3]


def test_rows_that_are_missing_are_told(tmp_path, caplog):
    """A file that holds less than the checkpoint says is gone on with, and that is reported."""
    logger = CSVLogger(tmp_path / "log.csv")
    log(tmp_path / "log.csv", 1)
    logger.load_state_dict({"rows": 3})
    play(logger, [{"loss": 1.0}], initial_epoch=4)
    assert epochs(tmp_path / "log.csv") == [1, 4]
    assert "log.csv has 1 rows where 3 were written before" in caplog.text


@pytest.mark.parametrize("tail", [b"3,0.", b"3", b"\xff\xfe"])
def test_a_row_that_a_crash_left_half_written_goes(tmp_path, tail):
    """What was not written to its end is no row, and the next one starts on a line of its own."""
    path = tmp_path / "log.csv"
    log(path, 2)
    with open(path, "ab") as file:
        file.write(tail)
    log(path, 1, first=4)
    assert epochs(path) == [1, 2, 4]


def test_a_row_that_lacks_only_its_line_end_stays(tmp_path):
    """Other programs leave the last line end away."""
    path = tmp_path / "log.csv"
    log(path, 2)
    path.write_bytes(path.read_bytes().rstrip())
    log(path, 1, first=3)
    assert epochs(path) == [1, 2, 3]


def model(*rates):
    return SimpleModel(None, SimpleNamespace(param_groups=[{"lr": rate} for rate in rates]))


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("a,b\r\n1,2\r\n", {}, "it has no column for 'epoch', 'time', 'lr'"),
        ("epoch;time;lr;loss\r\n1;2;3;4\r\n", {}, "separated by ',', are 'epoch;time;lr;loss'"),
        (
            "epoch,time,lr_group_0,lr_group_1,loss\r\n1,2,3,4,5\r\n",
            {},
            "it has no column for 'lr'",
        ),
        (
            "epoch,batch,size,time,lr,loss\r\n1,,,2,3,4\r\n",
            {},
            "it has rows of batches, and this log has no such rows",
        ),
        (
            "epoch,time,lr,loss\r\n1,2,3,4\r\n",
            {"batch_granularity": True},
            "it has no rows of batches, and this log has such rows",
        ),
    ],
)
def test_another_kind_of_file_is_refused_before_the_first_batch(
    tmp_path, content, options, message
):
    """What can be known of the columns is compared at once; the file is left as it was."""
    path = tmp_path / "log.csv"
    path.write_bytes(content.encode())
    seen = []
    look = LambdaCallback(on_train_batch_begin=lambda *arguments: seen.append(arguments))
    with pytest.raises(OtherColumnsError) as caught:
        play([CSVLogger(path, append=True, **options), look], [{"loss": 1.0}], model=model(0.1))
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"cannot append to {path}: ")
    assert str(caught.value).endswith("Choose another file, or append=False to overwrite this one")
    assert seen == []
    assert path.read_bytes() == content.encode()


def test_another_metric_is_refused_after_the_first_batch(tmp_path):
    """Metrics are known with the first batch, and that is when they are compared."""
    path = tmp_path / "log.csv"
    log(path, 1)
    before = path.read_bytes()
    seen = []
    look = LambdaCallback(on_train_batch_begin=lambda *arguments: seen.append(arguments))
    with pytest.raises(OtherColumnsError, match="it has no column for 'acc'"):
        play(
            [CSVLogger(path, append=True), look],
            [{"loss": 1.0, "acc": 2.0}],
            batches=[{"loss": 1.0, "acc": 2.0}] * 3,
        )
    assert len(seen) == 1
    assert path.read_bytes() == before


def test_another_value_of_the_epoch_is_refused(tmp_path):
    """What is known with the first epoch only is compared with the first epoch."""
    path = tmp_path / "log.csv"
    log(path, 1)
    before = path.read_bytes()
    with pytest.raises(OtherColumnsError, match="it has no column for 'f1'"):
        log(path, 1, values={"f1": 1.0})
    assert path.read_bytes() == before


def test_fewer_values_are_fine(tmp_path):
    """A value that is no longer there leaves blanks."""
    path = tmp_path / "log.csv"
    log(path, 1, values={"loss": 1.0, "acc": 2.0})
    log(path, 1, first=2)
    assert rows(path)[2] == ["2", "0.0", "2.0", "", "", ""]


@given(st.lists(st.integers(1, 30), max_size=6), st.integers(2, 40))
def test_what_is_kept_ends_with_the_last_epoch_before(lengths, first):
    """Of any file, the kept rows end right before what is about to be written again."""
    numbers = [epoch for length in lengths for epoch in range(1, length + 1)]
    kept = rows_to_keep([{"epoch": str(epoch)} for epoch in numbers], first)
    assert kept == 0 or numbers[kept - 1] < first
    assert all(epoch >= first for epoch in numbers[kept:])
