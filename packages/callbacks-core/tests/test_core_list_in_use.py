# SPDX-License-Identifier: MIT
"""A list and its callbacks while a loop has them: added to, copied, left by an exception."""

import copy
import pickle

import pytest

from callbacks_core import (
    CallbackList,
    EarlyStopping,
    LambdaCallback,
    NotAttachedError,
    SimpleModel,
)
from callbacks_core.testing import Recorder, play


def test_a_callback_added_in_a_run_is_attached_and_hears_what_follows():
    """What is appended at the first epoch's end hears the second epoch, and knows the model."""
    late = Recorder()
    listed = CallbackList()
    listed.append(
        LambdaCallback(on_epoch_end=lambda epoch, logs: epoch == 1 and listed.append(late))
    )
    played = play(listed, [{"loss": 1.0}] * 2)
    assert late.model is played.model
    assert late.params["epochs"] == 2
    assert [call.arguments[0] for call in late.calls if call.hook == "on_epoch_begin"] == [2]


def test_adding_a_callback_keeps_the_times_so_far():
    """The times of the others are still there after an append."""
    played = play(EarlyStopping(monitor="loss", patience=9), [{"loss": 1.0}] * 3)
    before = {(row.hook, row.calls) for row in played.callbacks.times()}
    played.callbacks.append(Recorder())
    assert {(row.hook, row.calls) for row in played.callbacks.times()} == before


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_copy_leaves_the_model_behind(duplicate):
    """A copy of an attached callback has its state and its settings, and no model."""
    callback = EarlyStopping(monitor="loss", patience=9)
    model = SimpleModel(network=lambda: None)  # which cannot be pickled
    play(callback, [{"loss": 1.0}] * 3, model=model)
    copied = duplicate(callback)
    assert copied.state_dict() == callback.state_dict()
    assert copied.patience == 9
    with pytest.raises(NotAttachedError):
        _ = copied.model
    assert callback.model is model


def test_a_caught_loader_error_is_not_followed_by_another():
    """Who catches the loader's own error within the block is not told that there was no batch."""
    torch = pytest.importorskip("torch")
    from callbacks_core import TrainingLoop

    def broken():
        raise OSError("the disk is gone")
        yield

    recorder = Recorder()
    with TrainingLoop(torch.nn.Linear(1, 1), callbacks=recorder) as loop:
        for epoch in loop.epochs(1):
            with pytest.raises(OSError, match="the disk is gone"):
                list(epoch.train(broken()))
    assert recorder.hooks[-4:] == ["on_epoch_end", "on_settled", "on_train_end", "close"]
