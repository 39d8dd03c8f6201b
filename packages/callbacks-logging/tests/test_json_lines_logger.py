# SPDX-License-Identifier: MIT
import json

import pytest

from callbacks_core import HopelessPathError
from callbacks_core.testing import play
from callbacks_logging import JSONLinesLogger


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_an_epoch_a_batch_and_a_test_are_lines(tmp_path):
    """The kind of a line stands in it."""
    path = tmp_path / "log.jsonl"
    logger = JSONLinesLogger(path, batch_granularity=True)
    play(logger, [{"loss": 0.5, "précision": 1.0}], batches=[{"loss": 0.25}])
    logger.on_test_end({"time": 1.0, "test_loss": 2.0})
    logger.close()
    assert lines(path) == [
        {"kind": "batch", "epoch": 1, "batch": 1, "size": 1, "time": 0.0, "loss": 0.25},
        {"kind": "epoch", "epoch": 1, "time": 0.0, "loss": 0.5, "précision": 1.0},
        {"kind": "test", "time": 1.0, "test_loss": 2.0},
    ]


def test_what_json_has_no_number_for_is_null(tmp_path):
    """Every line is JSON as the standard has it."""
    path = tmp_path / "log.jsonl"
    play(JSONLinesLogger(path), [{"loss": float("nan"), "x": float("inf"), "n": 3}])
    assert lines(path)[0]["loss"] is None
    assert lines(path)[0]["x"] is None
    assert lines(path)[0]["n"] == 3


@pytest.mark.parametrize("restored", [False, True])
@pytest.mark.parametrize("tail", [b"", b'{"kind": "ep'])
def test_a_resumed_training_leaves_no_duplicate_and_no_gap(tmp_path, restored, tail):
    """Lines past the resume point go, and the one that a crash has left without its end."""
    path = tmp_path / "log.jsonl"
    first = JSONLinesLogger(path, batch_granularity=True)
    play(first, [{"loss": 1.0}] * 2)
    state = first.state_dict()
    play(JSONLinesLogger(path, batch_granularity=True, append=True), [{}] * 2, initial_epoch=3)
    path.write_bytes(path.read_bytes() + tail)
    resumed = JSONLinesLogger(path, batch_granularity=True, append=not restored)
    if restored:
        resumed.load_state_dict(state)
    play(resumed, [{"loss": 2.0}], initial_epoch=3)
    assert [row["epoch"] for row in lines(path) if row["kind"] == "epoch"] == [1, 2, 3]
    assert [row["epoch"] for row in lines(path) if row["kind"] == "batch"] == [1, 1, 2, 2, 3, 3]


def test_another_training_starts_anew_or_goes_below(tmp_path):
    """As asked."""
    path = tmp_path / "log.jsonl"
    play(JSONLinesLogger(path), [{}] * 3)
    play(JSONLinesLogger(path), [{}])
    play(JSONLinesLogger(path, append=True), [{}] * 2)
    assert [row["epoch"] for row in lines(path)] == [1, 1, 2]


def test_lines_that_are_missing_are_told(tmp_path, caplog):
    """Somebody cut the file meanwhile: the rest is gone on with."""
    path = tmp_path / "log.jsonl"
    logger = JSONLinesLogger(path)
    logger.load_state_dict({"lines": 5})
    play(logger, [{}], initial_epoch=6)
    assert "log.jsonl has 0 lines where 5 were written before" in caplog.text


def test_a_hopeless_path_is_refused_before_the_first_batch(tmp_path):
    """A folder cannot be written to as a file."""
    with pytest.raises(HopelessPathError, match="it is a folder"):
        play(JSONLinesLogger(tmp_path), [{}])
