# SPDX-License-Identifier: MIT
import re

import pytest
import torch
from torch import nn

from callbacks_core import Callback
from callbacks_trainer import Metric, Model
from callbacks_trainer.explaining import with_first_look


class Boom(Exception):
    """What goes wrong here."""


class Failing(nn.Module):
    """A network that fails at a certain call, before or after its layer."""

    def __init__(self, call, *, after=False):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 2), nn.Identity())
        self.left, self.after = call, after

    def forward(self, x):
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Boom("boom")
        out = self.body(x)
        if self.left == 0:
            raise Boom("boom")
        return out


def notes_of(model, batches, **options):
    with pytest.raises((Boom, RuntimeError, ValueError)) as caught:
        model.fit_generator(batches, epochs=1, verbose=False, **options)
    return getattr(caught.value, "__notes__", [])


@pytest.mark.parametrize("batches_per_step", [1, 2])
def test_outputs_are_those_of_the_batch(batches, batches_per_step):
    """Where a later forward fails, the batch is that one, and no older outputs are shown."""
    model = Model(Failing(5), "sgd", "cross_entropy")
    assert notes_of(model, batches, batches_per_step=batches_per_step) == [
        "in training batch 5 of epoch 1, in the network, Failing, "
        "with inputs: float32 (2, 3); targets: int64 (2,)"
    ]


def test_the_layer_is_named_by_its_path(batches):
    """The innermost layer that has not returned is named, with what it is."""
    [note, cause] = notes_of(Model(Failing(9), "sgd", "mse"), [(x[:, :2], y) for x, y in batches])
    assert "in the layer 'body.0', Linear(in_features=3, out_features=2, bias=True), with" in note
    assert cause == "the shape of the inputs does not fit the layer"


def test_a_loss_sees_its_outputs(batches):
    """What fails in the loss or after it has the outputs of its own batch."""

    def fail(y_pred, y):
        raise Boom("boom")

    [note] = notes_of(Model(nn.Linear(3, 2), "sgd", fail), batches)
    assert note.endswith(
        "with inputs: float32 (4, 3); targets: int64 (4,); outputs: float32 (4, 2)"
    )


def test_a_metric_of_the_network_sees_its_outputs(batches):
    """A metric that is a method of the network is not taken for its forward."""

    class Measured(nn.Linear):
        def score(self, y_pred, y):
            raise Boom("boom")

    network = Measured(3, 2)
    made = Model(network, "sgd", "cross_entropy", batch_metrics=[("mine", network.score)])
    [note] = notes_of(made, batches)
    assert ", in the metric 'mine', with" in note
    assert "outputs: float32 (4, 2)" in note


class Fragile(Metric):
    """A metric that cannot be worked out."""

    def reset(self):
        """Do nothing."""

    def update(self, y_pred, y_true):
        """Do nothing."""

    def compute(self):
        raise Boom("boom")


def test_what_is_worked_out_at_the_end_is_of_no_batch(batches):
    """A metric that fails when the epoch is over is not told of the last batch."""
    model = Model(nn.Linear(3, 2), "sgd", "cross_entropy", epoch_metrics=[Fragile()])
    assert notes_of(model, batches) == []


def test_the_culprit_is_a_callback_or_a_batch(batches):
    """An error of a callback has the callback's name alone, in a batch as well."""

    class Broken(Callback):
        def on_backward_end(self, batch_number):
            raise Boom("boom")

    model = Model(nn.Linear(3, 2), "sgd", "cross_entropy")
    assert notes_of(model, batches, callbacks=[Broken()]) == ["raised by Broken.on_backward_end"]


def test_a_loader_is_asked_for_the_next_batch(batches):
    """What fails in the loader is told of with the number of the batch that it could not give."""

    def loader():
        yield batches[0]
        raise Boom("boom")

    model = Model(nn.Linear(3, 2), "sgd", "cross_entropy")
    assert notes_of(model, loader()) == [
        "in training batch 2 of epoch 1, which the loader could not give"
    ]


def test_a_loader_that_runs_dry_is_of_no_batch(batches):
    """Our own errors about a loader need no further note."""
    model = Model(nn.Linear(3, 2), "sgd", "cross_entropy")
    assert notes_of(model, iter(batches), steps_per_epoch=9) == []


def test_an_interruption_is_not_explained(batches):
    """What is no error of the batch, such as Ctrl-C, is left alone."""
    network = Failing(2)
    network.body.register_forward_hook(lambda *arguments: network.stop())
    network.stop = lambda: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        Model(network, "sgd", "mse").fit_generator(batches, epochs=1, verbose=False)
    assert not getattr(caught.value, "__notes__", [])


@pytest.mark.parametrize(
    ("x", "shown"),
    [
        (torch.zeros(2, 3, dtype=torch.int32), "int32 (2, 3)"),
        ((torch.zeros(2), torch.zeros(2, 1)), "(float32 (2,), float32 (2, 1))"),
        ({"a": torch.zeros(2), "b": [torch.zeros(1)]}, "{'a': float32 (2,), 'b': [float32 (1,)]}"),
        (["word"] * 9, "['word', 'word', 'word', 'word', 'word', 'word', and 3 more]"),
        ("w" * 99, f"'{'w' * 56}..."),
        (
            nn.utils.rnn.pack_sequence([torch.zeros(3, 2)]),
            "PackedSequence of float32 (3, 2)",
        ),
    ],
    ids=["tensor", "tuple", "mapping", "list", "text", "packed"],
)
def test_batches_in_words(x, shown):
    """Every structure is shown by the types and shapes of what is in it."""

    def fail(*inputs, **named):
        raise Boom("boom")

    network = nn.Linear(3, 2)
    network.forward = fail
    [note] = notes_of(Model(network, "sgd", "mse"), [(x, torch.zeros(2))])
    assert f"inputs: {shown}; targets: float32 (2,)" in note


def test_the_first_look_is_the_only_one():
    """After the first call the holder has the loss function itself: later steps cost nothing."""

    class Holder:
        loss_function = None

    holder = Holder()
    mse = nn.functional.mse_loss
    holder.loss_function = with_first_look(holder, mse)
    assert holder.loss_function is not mse
    assert holder.loss_function(torch.ones(2), torch.zeros(2)) == 1
    assert holder.loss_function is mse
    own = nn.functional.cross_entropy
    assert with_first_look(holder, own) is own


def test_a_loss_of_ones_own_may_stretch(batches):
    """Only losses of torch are looked at: a function of one's own knows what it does."""

    def loss(y_pred, y):
        return ((y_pred - y[:, None]) ** 2).mean()

    model = Model(nn.Linear(3, 1), "sgd", loss)
    assert len(model.fit_generator(batches, epochs=1, verbose=False)) == 1


def test_a_loss_that_is_no_number_is_told_of_once(batches):
    """The warning comes with the first such epoch, and not with each that follows."""
    model = Model(nn.Linear(3, 2), "sgd", lambda y_pred, y: y_pred.sum() * float("nan"))
    with pytest.warns(UserWarning, match="'loss' is nan in epoch 1") as caught:
        model.fit_generator(batches, batches, epochs=4, verbose=False)
    assert len(caught) == 1


def test_a_complete_training_is_not_begun_again(make_model, batches):
    """A first epoch right after the last one is a training that is over, and no mistake."""
    options = {"epochs": 3, "verbose": False}
    assert make_model().fit_generator(batches, initial_epoch=4, **options) == []
    with pytest.raises(ValueError, match="number of the last epoch"):
        make_model().fit_generator(batches, initial_epoch=5, **options)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("CUDA error: device-side assert triggered", "CUDA_LAUNCH_BLOCKING=1 tells which"),
        ("CUDA out of memory. Tried to allocate 2 GiB", "find_batch_size"),
        ("Found dtype Long but expected Float", r"y\.float\(\)"),
    ],
)
def test_what_only_other_machines_say(batches, said, cause):
    """What a GPU says, or another version of torch, is explained as well."""

    def fail(y_pred, y):
        raise RuntimeError(said)

    [_, found] = notes_of(Model(nn.Linear(3, 2), "sgd", fail), batches)
    assert re.search(cause, found)


def test_what_nobody_can_explain_has_no_guess(batches):
    """There is the note of the batch, and no cause made up."""

    def fail(y_pred, y):
        raise RuntimeError("something else")

    assert len(notes_of(Model(nn.Linear(3, 2), "sgd", fail), batches)) == 1
