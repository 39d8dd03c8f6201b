# SPDX-License-Identifier: MIT
import copy

import pytest

from callbacks_core.testing import play
from callbacks_logging import HistoryLogger


def test_a_resumed_training_goes_on_with_its_history():
    """Without a gap and without a duplicate; another training starts anew."""
    straight = HistoryLogger(batch_granularity=True)
    play(straight, [{"loss": float(n)} for n in range(4)])
    first = HistoryLogger(batch_granularity=True)
    play(first, [{"loss": float(n)} for n in range(3)])
    resumed = HistoryLogger(batch_granularity=True)
    resumed.load_state_dict(copy.deepcopy(first.state_dict()))
    play(resumed, [{"loss": float(n)} for n in (2, 3)], initial_epoch=3)
    assert resumed.epochs == straight.epochs
    play(resumed, [{"loss": 7.0}])
    assert [values["loss"] for values in resumed.epochs] == [7.0]
    assert len(resumed.batches) == 2


def test_a_state_that_was_not_packed_is_taken_up_too():
    """As earlier versions have saved it."""
    rows = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]
    history = HistoryLogger()
    history.load_state_dict({"epochs": rows})
    play(history, [{"loss": 0.125}], initial_epoch=3)
    assert [row["loss"] for row in history.epochs] == [0.5, 0.25, 0.125]
    assert len(rows) == 2


def test_tests_are_kept():
    """Those after a training too."""
    history = HistoryLogger()
    play(history, [{"loss": 1.0}])
    history.on_test_end({"time": 1.0, "test_loss": 2.0})
    assert history.tests == [{"time": 1.0, "test_loss": 2.0}]
    assert len(history.epochs) == 1


def test_it_becomes_a_data_frame():
    """A row for each epoch, a column for each value."""
    pytest.importorskip("pandas")
    history = HistoryLogger(batch_granularity=True)
    play(history, [{"loss": 0.5}, {"loss": 0.25, "late": 1.0}])
    frame = history.to_dataframe()
    assert list(frame["loss"]) == [0.5, 0.25]
    assert frame["late"].isna().tolist() == [True, False]
    assert len(history.to_dataframe("batches")) == 4
    with pytest.raises(ValueError, match="did you mean 'epochs'"):
        history.to_dataframe("epoch")
