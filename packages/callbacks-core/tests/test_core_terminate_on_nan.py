# SPDX-License-Identifier: MIT
import math
import pickle

import pytest

from callbacks_core import CallbackList, DelayCallback, MissingMetricError, TerminateOnNaN
from callbacks_core.testing import Recorder, play

GOOD, SENTENCE = {"loss": 1.0}, "Batch {}: Invalid loss, terminating training\n"


def batches(*losses):
    return [{"loss": loss} for loss in losses]


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_loss_that_is_no_number_ends_training(loss, number, capsys):
    """Training stops right after that batch, and one sentence says so."""
    script = [GOOD] * 3
    script[number - 1] = {"loss": loss}
    recorder = Recorder()
    played = play([TerminateOnNaN(), recorder], [{"val_loss": 1.0}] * 2, batches=script)
    assert recorder.hooks.count("on_train_batch_end") == number
    assert capsys.readouterr().out == SENTENCE.format(number)
    assert played.model.stop_training
    assert played.history == []


def test_the_epoch_is_neither_validated_nor_closed():
    """No settled point, of batch or epoch, no validation and no epoch end: nothing is saved."""
    recorder = Recorder()
    play([TerminateOnNaN(), recorder], [{"val_loss": 1.0}], batches=batches(math.nan))
    assert recorder.hooks[-3:] == ["on_train_batch_end", "on_train_end", "close"]
    unwanted = {"on_batch_settled", "on_valid_begin", "on_epoch_end", "on_settled"}
    assert not unwanted & set(recorder.hooks)


def test_finite_losses_are_left_alone(capsys):
    """A training with finite losses runs as if nobody looked."""
    played = play(TerminateOnNaN(), [{}, {}], batches=batches(1e300, -1e300, 0.0, 5))
    assert len(played.history) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("every", "seen_at"), [(None, 2), (1, 2), (2, 2), (3, 3), (4, 4), (50, 5)])
def test_losses_are_looked_at_every_so_often(every, seen_at, capsys):
    """The NaN of batch 2 is found when it is time, and at the end of the epoch at the latest."""
    recorder = Recorder()
    script = batches(1.0, math.nan, 1.0, 1.0, 1.0)
    played = play([TerminateOnNaN(every=every), recorder], [{}] * 2, batches=script)
    assert recorder.hooks.count("on_train_batch_end") == seen_at
    assert capsys.readouterr().out == SENTENCE.format(seen_at)
    assert played.history == []


def test_losses_are_not_carried_into_the_next_epoch():
    """What was looked at when an epoch ended is not looked at again."""
    played = play(TerminateOnNaN(every=4), [{}] * 3, batches=batches(1.0, 2.0, 3.0))
    assert len(played.history) == 3


def test_it_can_be_used_again(capsys):
    """A training after a diverged one starts anew, and a second NaN is told again."""
    callback = TerminateOnNaN()
    play(callback, [{}], batches=batches(math.nan))
    assert len(play(callback, [{}, {}]).history) == 2
    play(callback, [{}], batches=batches(math.nan))
    assert capsys.readouterr().out == SENTENCE.format(1) * 2


def test_it_can_be_delayed(capsys):
    """Behind a delay it acts once the delay has passed, whatever was seen before."""
    recorder = Recorder()
    play(
        [DelayCallback(TerminateOnNaN(), batch_delay=2), recorder],
        [{}],
        batches=batches(math.nan, 1.0, math.nan, 1.0),
    )
    assert recorder.hooks.count("on_train_batch_end") == 3
    assert "on_epoch_end" not in recorder.hooks
    assert capsys.readouterr().out == SENTENCE.format(3)


def test_a_loss_in_a_wrapper_of_one_number_is_read():
    """Whatever has `item()`, such as a NumPy scalar, will do."""

    class Wrapped:
        def item(self):
            return math.nan

    assert play(TerminateOnNaN(), [{}], batches=batches(Wrapped())).history == []


def test_a_training_without_a_loss_is_an_error():
    """There is nothing to watch when a hand-written loop logs its loss under another name."""
    callbacks = CallbackList(TerminateOnNaN())
    with pytest.raises(
        MissingMetricError, match=r"no 'loss' in the logs, which have 'los'; did you"
    ):
        callbacks.on_train_batch_end(1, {"los": 1.0})


def test_it_can_be_pickled():
    """A copy watches like the original."""
    twin = pickle.loads(pickle.dumps(TerminateOnNaN(every=2)))
    assert twin.every == 2
    assert play(twin, [{}], batches=batches(math.nan)).history == []


@pytest.mark.parametrize(
    ("every", "kind", "message"),
    [
        (0, ValueError, "`every` must be at least 1, not 0"),
        (2.0, TypeError, "`every` must be a whole number, not 2.0"),
    ],
)
def test_wrong_arguments_are_refused(every, kind, message):
    """A bad value raises at construction."""
    with pytest.raises(kind, match=f"^{message}"):
        TerminateOnNaN(every=every)
