# SPDX-License-Identifier: MIT
import math
import signal

import pytest
import torch
from torch import nn

from callbacks_core import HOOKS, TerminateOnNaN
from callbacks_core.testing import Recorder
from callbacks_trainer import Metric, Model

PLACES = [
    *(
        (place, phase)
        for place in ("forward", "loss", "metric", "loader")
        for phase in (True, False)
    ),
    ("backward", True),
]


class Boom(Exception):
    """What goes wrong here."""


class Correct(Metric):
    """The number of right answers so far."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.right = 0

    def update(self, y_pred, y_true):
        self.right = self.right + (y_pred.argmax(1) == y_true).sum()

    def compute(self):
        return self.right


class Fragile(nn.Module):
    """A network, and what surrounds it, that breaks in one place in one phase."""

    def __init__(self, place, phase, error=Boom):
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(3, 2)
        self.dropout = nn.Dropout(0.0)
        self.place, self.phase, self.error = place, phase, error
        self.armed = True

    def boom(self, place, phase=None):
        phase = self.training if phase is None else phase
        if self.armed and (place, phase) == (self.place, self.phase):
            raise self.error("boom")

    def forward(self, x):
        self.boom("forward")
        out = self.dropout(self.linear(x))
        if out.requires_grad:
            out.register_hook(lambda gradient: self.boom("backward", True))
        return out

    def loss(self, y_pred, y_true):
        self.boom("loss")
        return nn.functional.cross_entropy(y_pred, y_true)

    def metric(self, y_pred, y_true):
        self.boom("metric")
        return y_pred.mean()

    def loader(self, batches, phase):
        outer = self

        class Loader:
            def __iter__(self):
                yield from batches[:2]
                outer.boom("loader", phase)
                yield from batches[2:]

        return Loader()

    def model(self):
        options = {"batch_metrics": [self.metric], "epoch_metrics": [Correct()]}
        return Model(self, {"optim": "sgd", "lr": 0.1}, self.loss, **options)


@pytest.mark.parametrize(
    "error", [Boom, KeyboardInterrupt, SystemExit], ids=lambda kind: kind.__name__
)
@pytest.mark.parametrize("batches_per_step", [1, 2])
@pytest.mark.parametrize(("place", "phase"), PLACES)
def test_a_failure_anywhere(batches, place, phase, batches_per_step, error):
    """Callbacks are told and closed once, and network, gradients and metrics are as before."""
    network = Fragile(place, phase, error)
    network.eval()
    network.dropout.train()
    model, recorder = network.model(), Recorder()
    loaders = network.loader(batches, True), network.loader(batches, False)
    options = {"epochs": 2, "batches_per_step": batches_per_step, "verbose": False}
    with pytest.raises(error, match="boom") as caught:
        model.fit_generator(*loaders, callbacks=recorder, **options)
    assert recorder.hooks[-2:] == ["on_exception", "close"]
    assert recorder.calls[-2].arguments == (caught.value,)
    assert recorder.hooks.count("on_exception") == recorder.hooks.count("close") == 1
    assert ("on_valid_begin" in recorder.hooks) is not phase
    assert [network.training, network.linear.training, network.dropout.training] == [
        False,
        False,
        True,
    ]
    assert torch.is_grad_enabled()

    network.armed = False  # the next test, and the next training, know nothing of it
    fresh = Fragile(place, phase).model()
    fresh.network.armed = False
    fresh.set_weights(model.get_weight_copies())
    found = model.evaluate_generator(batches, return_dict_format=True, verbose=False)
    expected = fresh.evaluate_generator(batches, return_dict_format=True, verbose=False)
    assert {**found, "time": 0} == {**expected, "time": 0}
    [found] = model.fit_generator(*loaders, **options | {"epochs": 1})
    [expected] = fresh.fit_generator(*loaders, **options | {"epochs": 1})
    assert {**found, "time": 0} == {**expected, "time": 0}


@pytest.mark.parametrize("place", ["forward", "loss", "metric", "loader"])
def test_a_failure_in_a_test(batches, place):
    """A test that fails tells its callbacks, closes them and puts the mode back."""
    network = Fragile(place, False)
    model, recorder = network.model(), Recorder()
    with pytest.raises(Boom):
        model.evaluate_generator(network.loader(batches, False), callbacks=recorder, verbose=False)
    assert recorder.hooks[-2:] == ["on_exception", "close"]
    assert network.training
    assert torch.is_grad_enabled()


FAILING = [
    hook
    for hook in HOOKS
    if "test" not in hook and "predict" not in hook and hook not in ("on_exception", "close")
]


@pytest.mark.parametrize("hook", FAILING)
def test_a_failing_callback_is_named(make_model, batches, acting, hook):
    """The error's note says whose hook it was, behind the progress display as well."""

    def fail(*arguments):
        raise Boom("boom")

    model, recorder = make_model(), Recorder()
    model.network.eval()
    with pytest.raises(Boom) as caught:
        model.fit_generator(
            batches, batches, epochs=1, callbacks=[acting(hook, fail), recorder], verbose=False
        )
    assert caught.value.__notes__ == [f"raised by Acting.{hook}"]
    assert recorder.hooks[-2:] == ["on_exception", "close"]
    assert not model.network.training
    assert torch.is_grad_enabled()


def test_a_callback_is_named_behind_the_display(make_model, batches, acting):
    """With the progress display in front there is still one note, and the right one."""

    def fail(*arguments):
        raise Boom("boom")

    with pytest.raises(Boom) as caught:
        make_model().fit_generator(batches, epochs=1, callbacks=acting("on_epoch_end", fail))
    assert caught.value.__notes__ == ["raised by Acting.on_epoch_end"]


@pytest.mark.parametrize("policy", ["warn", "disable"])
def test_a_callback_that_may_fail(make_model, batches, acting, policy, caplog):
    """Training goes on, to the same weights, when a callback's policy says so."""

    def fail(*arguments):
        raise Boom("boom")

    callback = acting("on_train_batch_end", fail)
    callback.on_error = policy
    one, other = make_model(), make_model()
    history = one.fit_generator(batches, epochs=2, callbacks=callback, verbose=False)
    other.fit_generator(batches, epochs=2, verbose=False)
    assert len(history) == 2
    assert torch.equal(one.network.weight, other.network.weight)
    assert "Acting.on_train_batch_end failed" in caplog.text


def test_ctrl_c(make_model, batches, acting, interruptible):
    """A real signal ends a training like any exception, and the model can be used again."""

    def interrupt(callback, number, logs):
        if number == 3:
            signal.raise_signal(signal.SIGINT)

    model, recorder = make_model(), Recorder()
    with pytest.raises(KeyboardInterrupt):
        model.fit_generator(
            batches,
            epochs=9,
            callbacks=[acting("on_train_batch_end", interrupt), recorder],
            verbose=False,
        )
    assert recorder.hooks.count("on_train_batch_begin") == 3
    assert recorder.hooks[-2:] == ["on_exception", "close"]
    assert len(model.fit_generator(batches, epochs=1, verbose=False)) == 1


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("batches_per_step", [1, 2])
def test_a_loss_that_is_no_number_ends_a_fit(batches, bad, batches_per_step, capsys):
    """The epoch is thrown away: not validated, not closed, not in the history."""

    class Diverging(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 2)
            self.calls = 0

        def loss(self, y_pred, y_true):
            self.calls += self.training
            loss = nn.functional.cross_entropy(y_pred, y_true)
            return loss * bad if self.calls == 8 else loss  # the third batch of epoch 2

        def forward(self, x):
            return self.linear(x)

    network, recorder = Diverging(), Recorder()
    model = Model(network, "sgd", network.loss)
    history = model.fit_generator(
        batches,
        batches,
        epochs=5,
        batches_per_step=batches_per_step,
        callbacks=[TerminateOnNaN(), recorder],
        verbose=False,
    )
    assert [logs["epoch"] for logs in history] == [1]
    assert model.stop_training
    assert recorder.hooks.count("on_epoch_begin") == 2
    assert recorder.hooks.count("on_valid_begin") == recorder.hooks.count("on_settled") == 1
    assert recorder.hooks[-2:] == ["on_train_end", "close"]
    assert capsys.readouterr().out == "Batch 3: Invalid loss, terminating training\n"
