# SPDX-License-Identifier: MIT
import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbacks_core import HOOKS, Callback, CallbackList, DelayCallback, EarlyStopping, SimpleModel
from callbacks_core.testing import Recorder, play

EPOCHS = [{"val_loss": 1.0}] * 3
RUN = ("on_train_begin", "on_train_end", "close")


def heard(**delays):
    """Return what a recorder and a delayed one hear of three epochs of two batches."""
    recorder, delayed = Recorder(), Recorder()
    play([recorder, DelayCallback(delayed, **delays)], EPOCHS)
    return recorder.calls, delayed.calls


@pytest.mark.parametrize("delays", [{}, {"epoch_delay": 0}, {"batch_delay": 0}])
def test_without_a_delay_everything_is_heard(delays):
    """A delay of nothing changes nothing, not even when an epoch's beginning is heard."""
    calls, delayed = heard(**delays)
    assert delayed == calls


@pytest.mark.parametrize("delay", [1, 2, 3, 4])
def test_epochs_up_to_the_delay_are_not_heard(delay):
    """Epochs with a number above the delay are heard whole, the others not at all."""
    calls, delayed = heard(epoch_delay=delay)
    begins = [n for n, call in enumerate(calls) if call.hook == "on_epoch_begin"] + [-2]
    start = begins[min(delay, 3)]
    assert delayed == [calls[0], *calls[start:]]


def test_a_delay_in_batches_may_end_within_an_epoch():
    """The epoch's beginning is told right before the first batch that is heard."""
    calls, delayed = heard(batch_delay=3)
    second = [n for n, call in enumerate(calls) if call == ("on_train_batch_begin", (2, {}))][1]
    assert delayed == [calls[0], ("on_epoch_begin", (2, {})), *calls[second:]]


@pytest.mark.parametrize(
    ("delays", "first"),
    [
        ({"epoch_delay": 1, "batch_delay": 1}, (2, 1)),
        ({"epoch_delay": 1, "batch_delay": 2}, (2, 1)),
        ({"epoch_delay": 1, "batch_delay": 3}, (2, 2)),
        ({"epoch_delay": 2, "batch_delay": 1}, (3, 1)),
        ({"epoch_delay": 0, "batch_delay": 1}, (1, 2)),
    ],
)
def test_both_delays_must_have_passed(delays, first):
    """The first epoch and batch that are heard are those after both delays."""
    _, delayed = heard(**delays)
    epoch = next(call.arguments[0] for call in delayed if call.hook == "on_epoch_begin")
    batch = next(call.arguments[0] for call in delayed if call.hook == "on_train_batch_begin")
    assert (epoch, batch) == first


@given(st.integers(0, 4), st.integers(0, 8), st.integers(1, 3))
def test_what_is_heard_is_balanced(epoch_delay, batch_delay, batches):
    """Beginnings and ends come in pairs, whatever the delays."""
    delayed = Recorder()
    callback = DelayCallback(delayed, epoch_delay=epoch_delay, batch_delay=batch_delay)
    play(callback, EPOCHS, batches=batches)
    pending = []
    for hook in delayed.hooks:
        if hook.endswith("_begin"):
            pending.append(hook.removesuffix("_begin"))
        elif hook.endswith("_end") and hook != "on_backward_end":
            assert pending.pop() == hook.removesuffix("_end")
    assert pending == []


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_forwarded(hook):
    """Once the delay has passed each hook arrives with its arguments, and once."""
    recorder = Recorder()
    delay = DelayCallback(recorder)
    delay.on_epoch_begin(1, {})
    recorder.calls.clear()
    count = getattr(Callback, hook).__code__.co_argcount - 1
    arguments = tuple(range(1, count + 1))
    getattr(delay, hook)(*arguments)
    assert recorder.calls == [(hook, arguments)]


@pytest.mark.parametrize("hook", HOOKS)
def test_during_the_delay_only_the_run_and_evaluations_are_heard(hook):
    """The beginning and end of training, tests, predictions, errors and close are not delayed."""
    recorder = Recorder()
    delay = DelayCallback(recorder, epoch_delay=5)
    count = getattr(Callback, hook).__code__.co_argcount - 1
    getattr(delay, hook)(*range(1, count + 1))
    always = hook in (*RUN, "on_exception") or "_test_" in hook or "_predict_" in hook
    assert recorder.hooks == ([hook] if always else [])


@pytest.mark.parametrize("hook", HOOKS)
def test_it_listens_to_what_it_must(hook):
    """Around a callback that listens to nothing it listens to what it counts by, and no more."""
    counting = {"on_train_begin", "on_epoch_begin"}
    assert DelayCallback(Callback()).listens_to(hook) == (hook in counting)
    assert DelayCallback(Callback(), batch_delay=1).listens_to(hook) == (
        hook in counting | {"on_train_batch_begin"}
    )
    assert DelayCallback(Recorder()).listens_to(hook)


def test_several_callbacks_can_be_delayed():
    """A list keeps its order; a `CallbackList` is taken as it is."""
    listed = CallbackList([Recorder(), Recorder()])
    delay = DelayCallback(listed, epoch_delay=1)
    assert delay.callbacks is listed
    play(delay, [{}, {}])
    assert [recorder.hooks.count("on_epoch_end") for recorder in listed] == [1, 1]


def test_the_wrapped_callbacks_are_attached():
    """Model and params reach what is wrapped."""
    inner = Callback()
    model = SimpleModel(None)
    played = play(DelayCallback(inner), [{}], model=model)
    assert inner.model is played.model is model
    assert inner.params == {"epochs": 1, "steps": 2}


def test_a_delayed_stop_counts_from_the_first_epoch_that_is_heard():
    """What was not heard is not counted: a delayed early stopping starts late."""
    stopping = EarlyStopping()
    losses = [{"val_loss": value} for value in (1.0, 2.0, 3.0, 4.0, 5.0)]
    assert len(play(DelayCallback(stopping, epoch_delay=2), losses).history) == 4
    assert stopping.best == 3.0


def test_an_epoch_number_counts_from_the_whole_run():
    """A resumed run does not wait for the delay in epochs again."""
    delayed = Recorder()
    play(DelayCallback(delayed, epoch_delay=3), EPOCHS, initial_epoch=3)
    assert [call.arguments[0] for call in delayed.calls if call.hook == "on_epoch_end"] == [4, 5]


def test_it_can_be_used_again():
    """A second training waits as long as the first."""
    delayed = Recorder()
    delay = DelayCallback(delayed, batch_delay=3)
    play(delay, EPOCHS)
    calls = list(delayed.calls)
    delayed.calls.clear()
    play(delay, EPOCHS)
    assert delayed.calls == calls


@given(st.integers(0, 8), st.integers(0, 3))
def test_a_restored_delay_goes_on_where_it_was(batch_delay, cut):
    """Cut between epochs and resumed, the delayed callback hears what it would have heard."""

    def epochs_heard(recorder):
        return [call for call in recorder.calls if call.hook not in RUN]

    whole = Recorder()
    play(DelayCallback(whole, batch_delay=batch_delay), EPOCHS)

    first, second = Recorder(), Recorder()
    before = DelayCallback(first, batch_delay=batch_delay)
    play(before, EPOCHS[:cut])
    after = DelayCallback(second, batch_delay=batch_delay)
    after.load_state_dict(copy.deepcopy(before.state_dict()))
    play(after, EPOCHS[cut:], initial_epoch=cut + 1)
    assert epochs_heard(first) + epochs_heard(second) == epochs_heard(whole)


def test_the_state_of_the_wrapped_callbacks_is_kept():
    """What the wrapped callbacks learnt is part of the delay's state."""
    delay = DelayCallback([EarlyStopping(patience=5), Callback()], batch_delay=1)
    play(delay, [{"val_loss": 2.0}, {"val_loss": 3.0}])
    state = delay.state_dict()
    stopping = {"wait": 1, "stopped_epoch": 0, "monitor": {"best": 2.0}}
    assert state == {"batches": 4, "callbacks": {"EarlyStopping": stopping}}
    again = EarlyStopping(patience=5)
    DelayCallback(again).load_state_dict(state)
    assert again.state_dict() == stopping


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_it_can_be_copied(copied):
    """A copy delays a copy of what was wrapped."""
    recorder = Recorder()
    twin = copied(DelayCallback(recorder, epoch_delay=1))
    play(twin, EPOCHS)
    assert recorder.calls == []
    assert twin.callbacks.callbacks[0].hooks.count("on_epoch_end") == 2


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"epoch_delay": -1}, ValueError, "`epoch_delay` must be at least 0, not -1"),
        ({"batch_delay": 0.5}, TypeError, "`batch_delay` must be a whole number, not 0.5"),
        ({"callbacks": Recorder}, TypeError, "`callbacks` is the class Recorder, not a list"),
        ({"callbacks": None}, TypeError, "`callbacks` must be a callback or a list of some"),
        ({"callbacks": [Recorder]}, TypeError, r"callbacks\[0\] is the class Recorder"),
    ],
)
def test_wrong_arguments_are_refused(options, kind, message):
    """A bad value raises at construction."""
    with pytest.raises(kind, match=f"^{message}"):
        DelayCallback(**{"callbacks": Recorder(), **options})
