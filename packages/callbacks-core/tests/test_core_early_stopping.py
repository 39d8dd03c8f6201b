# SPDX-License-Identifier: MIT
import copy
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbacks_core import EarlyStopping, MissingMetricError
from callbacks_core.testing import Recorder, play

values = st.lists(st.one_of(st.just(math.nan), st.integers(-3, 3).map(float)), max_size=12)


def losses(*numbers):
    return [{"val_loss": number} for number in numbers]


def stop_of(numbers, patience, min_delta=0.0):
    """Return the epoch that the reference's rule stops at, or None."""
    best, wait = math.inf, 0
    for epoch, value in enumerate(numbers, 1):
        if value + min_delta < best:
            best, wait = value, 0
            continue
        wait += 1
        if wait >= patience:
            return epoch
    return None


@given(values, st.integers(0, 4), st.sampled_from([0.0, 0.5, 1.0]))
def test_it_stops_by_the_rule_of_the_reference(numbers, patience, min_delta):
    """Training ends at the patience-th epoch in a row without a change by more than min_delta."""
    stopping = EarlyStopping(patience=patience, min_delta=min_delta)
    history = play(stopping, losses(*numbers)).history
    stopped = stop_of(numbers, patience, min_delta)
    assert len(history) == (stopped or len(numbers))
    assert stopping.stopped_epoch == (stopped or 0)


@given(values)
def test_patience_zero_and_one_are_the_same(numbers):
    """Both stop at the first epoch without an improvement."""
    ends = [len(play(EarlyStopping(patience=n), losses(*numbers)).history) for n in (0, 1)]
    assert ends[0] == ends[1]


@given(values, st.integers(0, 4))
def test_mode_max_is_mode_min_of_the_negatives(numbers, patience):
    """Both modes follow one rule."""
    low, high = EarlyStopping(patience=patience), EarlyStopping(patience=patience, mode="max")
    play(low, losses(*numbers))
    play(high, losses(*[-number for number in numbers]))
    assert (low.wait, low.stopped_epoch) == (high.wait, high.stopped_epoch)
    assert low.best == -high.best


def test_the_epoch_that_stops_training_is_closed():
    """The stop does not rob others of the epoch's hooks, nor of the end of training."""
    recorder = Recorder()
    play([EarlyStopping(), recorder], losses(1.0, 2.0, 0.5))
    assert recorder.hooks[-4:] == ["on_epoch_end", "on_settled", "on_train_end", "close"]
    assert recorder.hooks.count("on_epoch_begin") == 2


@pytest.mark.parametrize(("verbose", "printed"), [(True, "Epoch 3: early stopping\n"), (False, "")])
def test_verbose_prints_one_sentence(verbose, printed, capsys):
    """The sentence names the epoch, and comes only if asked for."""
    play(EarlyStopping(patience=2, verbose=verbose), losses(1.0, 2.0, 3.0, 4.0))
    assert capsys.readouterr().out == printed


def test_nothing_is_printed_when_training_was_not_stopped(capsys):
    """A training that runs to its end says nothing of early stopping."""
    play(EarlyStopping(patience=5, verbose=True), losses(1.0, 2.0))
    assert capsys.readouterr().out == ""


def test_it_can_be_used_again():
    """A second training starts with fresh counters, even after a stop."""
    stopping = EarlyStopping(patience=2)
    assert len(play(stopping, losses(1.0, 2.0, 3.0, 4.0)).history) == 3
    assert len(play(stopping, losses(9.0, 8.0, 9.0, 9.0, 9.0)).history) == 4
    assert (stopping.best, stopping.wait, stopping.stopped_epoch) == (8.0, 2, 4)
    play(stopping, losses(5.0))
    assert (stopping.best, stopping.wait, stopping.stopped_epoch) == (5.0, 0, 0)


@given(values, st.integers(0, 4), st.data())
def test_a_restored_run_equals_the_uninterrupted_one(numbers, patience, data):
    """Cut anywhere and resumed with its state, a run ends where the whole one does."""
    cut = data.draw(st.integers(0, len(numbers)))
    whole = EarlyStopping(patience=patience)
    history = play(whole, losses(*numbers)).history

    first = EarlyStopping(patience=patience)
    begun = play(first, losses(*numbers[:cut])).history
    second = EarlyStopping(patience=patience)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    rest = play(second, losses(*numbers[cut:]), initial_epoch=cut + 1).history

    assert [logs["epoch"] for logs in begun + rest] == [logs["epoch"] for logs in history]
    assert second.state_dict() == whole.state_dict()


def test_a_stopped_run_stays_stopped():
    """A resumed training that had been stopped runs no further epoch."""
    stopping = EarlyStopping(patience=1)
    play(stopping, losses(1.0, 2.0))
    again = EarlyStopping(patience=1)
    again.load_state_dict(stopping.state_dict())
    assert play(again, losses(0.0, 0.0), initial_epoch=3).history == []
    assert again.stopped_epoch == 2


def test_a_stopped_run_goes_on_with_more_patience():
    """Who resumes with a larger patience gets the epochs that it allows."""
    stopping = EarlyStopping(patience=1)
    play(stopping, losses(1.0, 2.0))
    again = EarlyStopping(patience=3)
    again.load_state_dict(stopping.state_dict())
    assert len(play(again, losses(2.0, 2.0, 2.0), initial_epoch=3).history) == 2
    assert again.stopped_epoch == 4
    again.load_state_dict(stopping.state_dict())
    play(again, losses(0.5), initial_epoch=3)
    assert again.stopped_epoch == 0


def test_a_restored_state_is_used_once():
    """The training after the resumed one starts anew."""
    stopping = EarlyStopping(patience=3)
    stopping.load_state_dict({"wait": 2, "stopped_epoch": 0, "monitor": {"best": -1.0}})
    assert len(play(stopping, losses(1.0, 1.0)).history) == 1
    assert len(play(stopping, losses(1.0, 1.0, 1.0)).history) == 3


def test_a_missing_value_ends_the_run_with_the_culprit():
    """The error lists what there is, and the note names the callback."""
    with pytest.raises(MissingMetricError, match="is there a validation loader") as caught:
        play(EarlyStopping(), [{}])
    assert caught.value.__notes__ == ["raised by EarlyStopping.on_epoch_end"]


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"patience": -1}, ValueError, "`patience` must be at least 0, not -1"),
        ({"patience": 1.5}, TypeError, "`patience` must be a whole number, not 1.5"),
        ({"patience": True}, TypeError, "`patience` must be a whole number, not True"),
        ({"mode": "maximum"}, ValueError, "`mode` must be one of 'min', 'max', not 'maximum'"),
        ({"monitor": 3}, TypeError, "`monitor` must be the name of a value in the logs, not 3"),
        ({"min_delta": -1}, ValueError, "`min_delta` must be zero or more, and finite, not -1"),
    ],
)
def test_wrong_arguments_are_refused(options, kind, message):
    """A bad value raises at construction."""
    with pytest.raises(kind, match=f"^{message}"):
        EarlyStopping(**options)
