# SPDX-License-Identifier: MIT
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbacks_core import Callback, CallbackList, LambdaCallback, SimpleModel
from callbacks_core.testing import Call, Recorder, play


def test_the_grammar_tells_right_from_wrong(follows_the_grammar):
    """The expression made of the docstring accepts a training and refuses a lopsided one."""
    good = ["train_begin", "epoch_begin", "epoch_end", "settled", "train_end"]
    good = [*(f"on_{name}" for name in good), "close"]
    assert follows_the_grammar(good)
    assert not follows_the_grammar(good[:-1])
    assert not follows_the_grammar([*good, "close"])
    assert not follows_the_grammar(good[:2] + good[3:])


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2), st.booleans())
def test_what_is_played_follows_the_documented_order(
    follows_the_grammar, epochs, batches, valid_batches, validated
):
    """`play` calls the hooks in the order that `Callback` describes."""
    recorder = Recorder()
    script = [{"val_loss": 1.0} if validated else {}] * epochs
    play(recorder, script, batches=batches, valid_batches=valid_batches)
    assert follows_the_grammar(recorder.hooks)
    assert recorder.hooks.count("on_settled") == epochs
    assert recorder.hooks.count("on_train_batch_end") == epochs * batches
    assert recorder.hooks.count("on_valid_batch_end") == epochs * valid_batches * validated


def test_one_epoch_in_full():
    """The hooks of an epoch with two batches and a validation, with what they are given."""
    recorder = Recorder()
    play(recorder, [{"val_loss": 3.0}], initial_epoch=4)
    batch = {"size": 1, "time": 0.0}
    assert recorder.calls == [
        ("on_train_begin", ({},)),
        ("on_epoch_begin", (4, {})),
        ("on_train_batch_begin", (1, {})),
        ("on_backward_end", (1,)),
        ("on_train_batch_end", (1, {"batch": 1, **batch, "loss": 0.0})),
        ("on_batch_settled", (1, {"batch": 1, **batch, "loss": 0.0})),
        ("on_train_batch_begin", (2, {})),
        ("on_backward_end", (2,)),
        ("on_train_batch_end", (2, {"batch": 2, **batch, "loss": 0.0})),
        ("on_batch_settled", (2, {"batch": 2, **batch, "loss": 0.0})),
        ("on_valid_begin", ({},)),
        ("on_valid_batch_begin", (1, {})),
        ("on_valid_batch_end", (1, {"batch": 1, **batch, "val_loss": 3.0})),
        ("on_valid_end", ({"time": 0.0, "val_loss": 3.0},)),
        ("on_epoch_end", (4, {"epoch": 4, "time": 0.0, "loss": 0.0, "val_loss": 3.0})),
        ("on_settled", (4, {"epoch": 4, "time": 0.0, "loss": 0.0, "val_loss": 3.0})),
        ("on_train_end", ({},)),
        ("close", ()),
    ]


@pytest.mark.parametrize(
    ("script", "params"),
    [
        ([{}] * 3, {"epochs": 3, "steps": 2}),
        ([{}, {"val_loss": 1.0}], {"epochs": 2, "steps": 2, "valid_steps": 1}),
        ([], {"epochs": 0, "steps": 2}),
    ],
)
def test_the_params_are_those_of_a_real_training(script, params):
    """`valid_steps` is there only with a validation."""
    callback = Callback()
    play(callback, script)
    assert callback.params == params


@pytest.mark.parametrize(
    ("hook", "epochs", "batches"),
    [
        ("on_train_begin", 0, 0),
        ("on_epoch_begin", 1, 1),
        ("on_train_batch_begin", 1, 1),
        ("on_backward_end", 1, 1),
        ("on_train_batch_end", 1, 1),
        ("on_batch_settled", 1, 1),
        ("on_valid_begin", 1, 3),
        ("on_valid_end", 1, 3),
        ("on_epoch_end", 1, 3),
        ("on_settled", 1, 3),
    ],
)
def test_a_stop_ends_the_batches_and_closes_the_epoch(follows_the_grammar, hook, epochs, batches):
    """Wherever `stop_training` is set, the epoch is closed and the order holds."""
    model, recorder = SimpleModel(None), Recorder()
    stop = LambdaCallback(**{hook: lambda *_: setattr(model, "stop_training", True)})
    played = play([stop, recorder], [{"val_loss": 1.0}] * 4, batches=3, model=model)
    assert len(played.history) == epochs
    assert recorder.hooks.count("on_train_batch_end") == batches
    assert follows_the_grammar(recorder.hooks)


def test_a_stop_from_an_earlier_training_is_forgotten():
    """A model that was stopped can be played with again."""
    model = SimpleModel(None)
    model.stop_training = True
    assert len(play([], [{}, {}], model=model).history) == 2


def test_an_abandoned_epoch_ends_training():
    """Neither validated, closed nor settled; training ends in order."""

    class Abandoning(Callback):
        def abandons_epoch(self):
            return True

    recorder = Recorder()
    played = play([Abandoning(), recorder], [{"val_loss": 1.0}] * 2, batches=0)
    assert recorder.hooks == ["on_train_begin", "on_epoch_begin", "on_train_end", "close"]
    assert (played.history, played.model.stop_training) == ([], True)


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3)])
def test_an_error_is_told_and_everything_closed(error):
    """`on_exception` with the error itself, then `close`, then nothing."""
    recorder = Recorder()

    def fail(*arguments):
        raise error

    with pytest.raises(type(error)):
        play([recorder, LambdaCallback(on_epoch_end=fail)], [{}, {}])
    assert recorder.calls[-2:] == [("on_exception", (error,)), ("close", ())]
    assert recorder.hooks.count("close") == 1


def test_batches_can_be_scripted():
    """Each batch's logs can be given one by one."""
    recorder = Recorder()
    play(recorder, [{}], batches=[{"loss": 2.0, "acc": 0.5}, {"loss": 1.0, "size": 7}])
    assert recorder.logs_of("on_train_batch_end") == [
        {"batch": 1, "size": 1, "time": 0.0, "loss": 2.0, "acc": 0.5},
        {"batch": 2, "size": 7, "time": 0.0, "loss": 1.0},
    ]


def test_the_logs_of_an_epoch_are_one_dict_for_all():
    """What a callback adds at the end of an epoch, the next ones and the history see."""
    add = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(lr=0.5))
    recorder = Recorder()
    history = play([add, recorder], [{"loss": 3.0}]).history
    assert history == [{"epoch": 1, "time": 0.0, "loss": 3.0, "lr": 0.5}]
    assert recorder.logs_of("on_epoch_end") == recorder.logs_of("on_settled") == history


def test_a_callback_list_is_played_as_it_is():
    """Its times and failures are its own afterwards."""
    callbacks = CallbackList([Recorder()])
    assert play(callbacks, [{}]).callbacks is callbacks
    assert callbacks.times()


def test_a_recorder_copies_what_it_is_given():
    """Logs that change later are recorded as they were."""
    recorder, logs = Recorder(), {"loss": 1.0}
    recorder.on_epoch_end(1, logs)
    logs["loss"] = 2.0
    assert recorder.calls == [Call("on_epoch_end", (1, {"loss": 1.0}))]


def test_a_recorder_can_leave_our_own_hooks_out():
    """It then hears what a callback made for other libraries hears."""
    recorder = Recorder(own_hooks=False)
    play(recorder, [{}])
    assert not {"on_batch_settled", "on_settled", "close"} & set(recorder.hooks)
    assert "on_epoch_end" in recorder.hooks


def test_a_recorder_can_leave_the_values_unread():
    """It then keeps the names alone."""
    recorder = Recorder(read_logs=False)
    play(recorder, [{"loss": 3.0}], batches=0)
    assert recorder.logs_of("on_epoch_end") == [{"epoch": None, "time": None, "loss": None}]
