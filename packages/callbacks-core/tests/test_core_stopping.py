# SPDX-License-Identifier: MIT
import math

from callbacks_core import (
    EarlyStopping,
    LambdaCallback,
    SimpleModel,
    TerminateOnNaN,
    allow_training,
    stop_reason,
    stop_training,
)
from callbacks_core.testing import play


def test_the_first_reason_counts():
    """Whoever asks later changes nothing; a new training forgets it."""
    model = SimpleModel(None)
    assert stop_reason(model) == ""
    stop_training(model, "it is late")
    stop_training(model, "it is later")
    assert (model.stop_training, stop_reason(model)) == (True, "it is late")
    allow_training(model)
    assert (model.stop_training, stop_reason(model)) == (False, "")


def test_early_stopping_says_why():
    """The value, the best of it, and for how long there was none better."""
    played = play(EarlyStopping(patience=2), [{"val_loss": 0.5}] * 5)
    assert stop_reason(played.model) == "val_loss has not improved on 0.5 for 2 epochs"


def test_a_loss_that_is_no_number_is_a_reason():
    """The batch is named."""
    played = play(TerminateOnNaN(), [{}], batches=[{"loss": 1.0}, {"loss": math.nan}])
    assert stop_reason(played.model) == "the loss was no finite number by batch 2"


def test_a_training_does_not_inherit_the_reason_of_another():
    """The loop takes it back when training begins."""
    played = play(EarlyStopping(), [{"val_loss": 0.5}] * 3)
    again = play(LambdaCallback(), [{"loss": 0.5}], model=played.model)
    assert stop_reason(again.model) == ""
