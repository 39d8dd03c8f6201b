# SPDX-License-Identifier: MIT
import time

import pytest
import torch

from callbacks_core import HOOKS, Callback
from callbacks_core.testing import Recorder, play

TRAINING = [name for name in HOOKS if "test" not in name and "predict" not in name]
VALUES = {"epoch", "time", "loss", "val_loss"}


@pytest.mark.parametrize("validated", [False, True])
def test_hooks_come_in_the_order_of_the_grammar(
    make_model, batches, validated, follows_the_grammar
):
    """A fit calls the hooks that `play` calls, in the order that `Callback` describes."""
    real, played = Recorder(), Recorder()
    make_model().fit_generator(
        batches, batches[:2] if validated else None, epochs=3, callbacks=real, verbose=False
    )
    script = {"val_loss": 1.0} if validated else {}
    play(played, [script] * 3, batches=5, valid_batches=2)
    assert real.hooks == played.hooks
    assert follows_the_grammar(real.hooks)


@pytest.mark.parametrize(
    "hook", [name for name in TRAINING if name not in ("on_exception", "close")]
)
def test_a_stop_in_any_hook_balances(make_model, batches, acting, hook, follows_the_grammar):
    """Wherever ``stop_training`` is set, real hooks equal played ones, and pairs balance."""

    def stop(callback, *arguments):
        callback.model.stop_training = True

    real, played = Recorder(), Recorder()
    model = make_model()
    history = model.fit_generator(
        batches, batches[:1], epochs=3, callbacks=[acting(hook, stop), real], verbose=False
    )
    result = play([acting(hook, stop), played], [{"val_loss": 1.0}] * 3, batches=5)
    assert real.hooks == played.hooks
    assert follows_the_grammar(real.hooks)
    assert (
        len(history) == len(result.history) == {"on_train_begin": 0, "on_train_end": 3}.get(hook, 1)
    )
    assert model.stop_training


def test_a_stop_ends_the_batches_and_validates(make_model, batches, acting):
    """Stopped in batch 2, an epoch has two batches, a validation, and logs of those two."""

    def stop(callback, batch_number, logs):
        callback.model.stop_training = batch_number == 2

    recorder = Recorder()
    stopper = acting("on_train_batch_end", stop)
    [logs] = make_model().fit_generator(
        batches, batches[:1], epochs=9, callbacks=[stopper, recorder], verbose=False
    )
    losses = [batch["loss"] for batch in recorder.logs_of("on_train_batch_end")]
    assert len(losses) == 2
    assert logs["loss"] == pytest.approx(sum(losses) / 2)
    assert set(logs) == VALUES


def test_a_stopped_model_can_be_fitted_again(make_model, batches, acting):
    """A new fit forgets that the one before was stopped."""

    def stop(callback, *arguments):
        callback.model.stop_training = True

    model = make_model()
    stopper = acting("on_epoch_end", stop)
    assert len(model.fit_generator(batches, epochs=3, callbacks=stopper, verbose=False)) == 1
    assert len(model.fit_generator(batches, epochs=3, verbose=False)) == 3


@pytest.mark.parametrize("kind", ["test", "predict"])
def test_hooks_of_testing_and_predicting(make_model, batches, kind):
    """Testing and predicting have hooks of their own, and close the callbacks."""
    recorder, model = Recorder(), make_model()
    if kind == "test":
        model.evaluate_generator(batches, callbacks=recorder, verbose=False)
    else:
        inputs = [x for x, _ in batches]
        model.predict_generator(inputs, callbacks=recorder, verbose=False)
    batch = [f"on_{kind}_batch_begin", f"on_{kind}_batch_end"]
    assert recorder.hooks == [f"on_{kind}_begin", *batch * 5, f"on_{kind}_end", "close"]


def test_epochs_count_from_the_initial_one(make_model, batches):
    """``epochs`` is the last number; beyond it there is a beginning and an end, and no epoch."""
    recorder = Recorder()
    history = make_model().fit_generator(
        batches, epochs=5, initial_epoch=4, callbacks=recorder, verbose=False
    )
    assert [logs["epoch"] for logs in history] == [4, 5]
    assert [call.arguments[0] for call in recorder.calls if call.hook == "on_epoch_begin"] == [4, 5]
    recorder = Recorder()
    options = {"epochs": 3, "initial_epoch": 4, "callbacks": recorder, "verbose": False}
    assert make_model().fit_generator(batches, **options) == []
    assert recorder.hooks == ["on_train_begin", "on_train_end", "close"]


def test_logs_have_their_keys_in_order(make_model, batches):
    """Each hook's logs have the documented keys, batch metrics before epoch metrics."""

    class Examples:
        def reset(self):
            self.seen = 0

        def update(self, y_pred, y_true):
            self.seen += len(y_true)

        def compute(self):
            return self.seen

    model = make_model(batch_metrics=["accuracy"], epoch_metrics=[("examples", Examples())])
    recorder = Recorder()
    [logs] = model.fit_generator(batches, batches[:2], epochs=1, callbacks=recorder, verbose=False)
    model.evaluate_generator(batches, callbacks=recorder, verbose=False)
    model.predict_generator([x for x, _ in batches], callbacks=recorder, verbose=False)
    metrics = ["loss", "accuracy", "examples"]
    keys = {
        "on_train_batch_end": ["batch", "size", "time", "loss", "accuracy"],
        "on_valid_batch_end": ["batch", "size", "time", "val_loss", "val_accuracy"],
        "on_valid_end": ["time", *(f"val_{name}" for name in metrics)],
        "on_epoch_end": ["epoch", "time", *metrics, *(f"val_{name}" for name in metrics)],
        "on_test_batch_end": ["batch", "size", "time", "test_loss", "test_accuracy"],
        "on_test_end": ["time", *(f"test_{name}" for name in metrics)],
        "on_predict_batch_end": ["batch", "size", "time"],
        "on_predict_end": ["time"],
    }
    for hook, expected in keys.items():
        assert recorder.logs_of(hook), hook
        assert all(list(found) == expected for found in recorder.logs_of(hook)), hook
    assert list(logs) == keys["on_epoch_end"]
    assert (logs["examples"], logs["val_examples"]) == (18, 8)
    assert [found["size"] for found in recorder.logs_of("on_train_batch_end")] == [4, 4, 4, 4, 2]


def test_the_logs_of_an_epoch_become_its_history(make_model, batches, acting):
    """What one callback adds to the epoch's logs is seen by the next, and by the caller."""
    seen = []
    callbacks = [
        acting("on_epoch_end", lambda self, epoch, logs: logs.update(added=epoch)),
        acting("on_epoch_end", lambda self, epoch, logs: seen.append(logs)),
    ]
    history = make_model().fit_generator(batches, epochs=2, callbacks=callbacks, verbose=False)
    assert [logs["added"] for logs in history] == [1, 2]
    assert all(one is other for one, other in zip(history, seen, strict=True))
    assert all(type(value) in (int, float) for logs in history for value in logs.values())


@pytest.mark.parametrize("batches_per_step", [1, 2])
def test_the_loss_of_an_epoch_is_the_mean_over_its_examples(make_model, batches, batches_per_step):
    """The last batch is smaller, and counts for less."""
    recorder = Recorder()
    [logs] = make_model().fit_generator(
        batches, epochs=1, batches_per_step=batches_per_step, callbacks=recorder, verbose=False
    )
    seen = recorder.logs_of("on_train_batch_end")
    total = sum(batch["loss"] * batch["size"] for batch in seen)
    assert logs["loss"] == pytest.approx(total / 18, abs=1e-6)


@pytest.mark.parametrize("kind", ["train", "valid", "test", "predict"])
def test_the_time_of_a_batch_has_the_wait_for_the_loader(make_model, batches, kind):
    """A loader that takes its time shows in every batch's ``time``, the first one's included."""

    class Slow:
        def __iter__(self):
            for batch in batches:
                time.sleep(0.02)
                yield batch[0] if kind == "predict" else batch

    model, recorder = make_model(), Recorder()
    options = {"callbacks": recorder, "verbose": False}
    match kind:
        case "train":
            model.fit_generator(Slow(), epochs=1, **options)
        case "valid":
            model.fit_generator(batches, Slow(), epochs=1, **options)
        case "test":
            model.evaluate_generator(Slow(), **options)
        case "predict":
            model.predict_generator(Slow(), **options)
    times = [logs["time"] for logs in recorder.logs_of(f"on_{kind}_batch_end")]
    assert len(times) == 5
    assert all(seconds >= 0.02 for seconds in times)
    ended = "on_epoch_end" if kind in ("train", "valid") else f"on_{kind}_end"
    assert recorder.logs_of(ended)[0]["time"] >= 0.1


def test_params_of_every_phase(make_model, batches):
    """Callbacks know how much there is to do, under the names in use and the older ones."""
    seen = {}

    class Params(Callback):
        def on_train_begin(self, logs):
            seen["train"] = self.params

        def on_test_begin(self, logs):
            seen["test"] = self.params

        def on_predict_begin(self, logs):
            seen["predict"] = self.params

    model, callback = make_model(), Params()
    options = {"callbacks": callback, "verbose": False}
    model.fit_generator(batches, batches[:2], epochs=3, **options)
    assert seen["train"] == {"epochs": 3, "steps": 5, "valid_steps": 2}
    assert (seen["train"]["epoch"], seen["train"]["steps_per_epoch"]) == (3, 5)
    model.fit_generator(batches, epochs=1, steps_per_epoch=4, **options)
    assert seen["train"] == {"epochs": 1, "steps": 4}
    model.fit_generator(iter(batches), epochs=1, **options)
    assert seen["train"] == {"epochs": 1, "steps": None}
    model.fit_generator(batches, iter(batches), epochs=1, **options)
    assert seen["train"] == {"epochs": 1, "steps": 5, "valid_steps": None}
    model.evaluate_generator(batches, **options)
    assert seen["test"] == {"steps": 5}
    model.evaluate_generator(batches, steps=3, **options)
    assert seen["test"] == {"steps": 3}
    model.predict_generator((x for x, _ in batches), **options)
    assert seen["predict"] == {"steps": None}


def test_callbacks_get_the_model(make_model, batches):
    """A callback's ``model`` is the `Model` itself, before the first hook and after the last."""
    recorder, model = Recorder(), make_model()
    model.fit_generator(batches, epochs=1, callbacks=[recorder], verbose=False)
    assert recorder.model is model


def test_gradients_are_there_in_both_hooks(make_model, batches, acting):
    """`on_backward_end` and `on_train_batch_end` see the gradients of this batch alone."""
    seen = {"on_backward_end": [], "on_train_batch_end": []}

    def look(hook):
        def action(callback, *arguments):
            seen[hook].append(callback.model.network.weight.grad.clone())

        return acting(hook, action)

    model = make_model()
    model.fit_generator(batches, epochs=1, callbacks=[look(hook) for hook in seen], verbose=False)
    pairs = list(zip(*seen.values(), strict=True))
    assert len(pairs) == 5
    assert all(torch.equal(*pair) for pair in pairs)
    network = make_model().network
    torch.nn.functional.cross_entropy(network(batches[0][0]), batches[0][1]).backward()
    assert torch.equal(pairs[0][0], network.weight.grad)


def test_one_backward_end_for_each_batch(make_model, batches, acting):
    """Its number is the batch's, an int that begins anew in each epoch."""
    numbers = []
    callback = acting("on_backward_end", lambda self, number: numbers.append(number))
    make_model().fit_generator(batches, epochs=2, callbacks=callback, verbose=False)
    assert numbers == [1, 2, 3, 4, 5] * 2
    assert all(type(number) is int for number in numbers)


def test_the_network_is_in_the_mode_of_its_pass(make_model, batches, acting):
    """It trains in training mode, is validated and tested without gradients, and goes back."""
    modes = []

    def look(hook):
        def action(callback, *arguments):
            modes.append((hook, callback.model.network.training, torch.is_grad_enabled()))

        return acting(hook, action)

    hooks = ("on_train_batch_begin", "on_valid_batch_end", "on_epoch_end", "on_test_batch_begin")
    model = make_model()
    model.network.eval()
    callbacks = [look(hook) for hook in hooks]
    model.fit_generator(batches[:1], batches[:1], epochs=2, callbacks=callbacks, verbose=False)
    model.evaluate_generator(batches[:1], callbacks=callbacks, verbose=False)
    epoch = [(hooks[0], True, True), (hooks[1], False, False), (hooks[2], True, True)]
    assert modes == [*epoch * 2, (hooks[3], False, False)]
    assert not model.network.training
