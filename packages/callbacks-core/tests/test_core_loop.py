# SPDX-License-Identifier: MIT
import math

import pytest

from callbacks_core import (
    Callback,
    CallbackList,
    EarlyStopping,
    LambdaCallback,
    SimpleModel,
    TerminateOnNaN,
    TrainingLoop,
)
from callbacks_core.testing import Recorder, play

torch = pytest.importorskip("torch")

TRAINING_HOOKS = [
    "on_train_begin",
    "on_epoch_begin",
    "on_train_batch_begin",
    "on_backward_end",
    "on_train_batch_end",
    "on_batch_settled",
    "on_valid_begin",
    "on_valid_batch_begin",
    "on_valid_batch_end",
    "on_valid_end",
    "on_epoch_end",
    "on_settled",
]


def batches(count=3, size=4):
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.randn(size, 2, generator=generator), torch.randn(size, 1, generator=generator))
        for _ in range(count)
    ]


@pytest.fixture
def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Dropout(0.0))


@pytest.fixture
def optimizer(network):
    return torch.optim.SGD(network.parameters(), lr=0.1)


class Trainer:
    """A loop written by hand, whose body can be interrupted."""

    def __init__(self, network, optimizer, callbacks):
        self.network, self.optimizer = network, optimizer
        self.loop = TrainingLoop(network, optimizer, callbacks=callbacks)

    def __call__(self, *, epochs=2, train=None, valid=None, at=lambda *where: None):
        """Train; *at* is called with ("train" or "valid", epoch, batch), and may return "break"."""
        train, valid = batches() if train is None else train, valid
        with self.loop as loop:
            for epoch in loop.epochs(epochs):
                for number, (x, y) in enumerate(epoch.train(train), 1):
                    loss = self.step(x, y)
                    loop.log(loss=loss)
                    if at("train", epoch.number, number) == "break":
                        break
                if valid is not None:
                    for number, (x, y) in enumerate(epoch.valid(valid), 1):
                        loop.log(loss=torch.nn.functional.mse_loss(self.network(x), y))
                        if at("valid", epoch.number, number) == "break":
                            break
                if at("epoch", epoch.number, 0) == "break":
                    break
        return loop.history

    def step(self, x, y):
        loss = torch.nn.functional.mse_loss(self.network(x), y)
        loss.backward()
        self.loop.backward_end()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss


@pytest.fixture
def trainer(network, optimizer):
    return lambda *callbacks: Trainer(network, optimizer, callbacks)


def in_mode(network):
    return [module.training for module in network.modules()]


def outline(calls):
    """Return the hooks with their numbers, and the names of what is in their logs."""
    return [
        (hook, *(list(part) if isinstance(part, dict) else part for part in arguments))
        for hook, arguments in calls
    ]


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("epochs", [0, 1, 3])
def test_the_loop_calls_what_play_calls(trainer, follows_the_grammar, epochs, validated):
    """The same hooks with the same numbers and names of logs, in the documented order."""
    real, played = Recorder(), Recorder()
    trainer(real)(epochs=epochs, valid=batches(2) if validated else None)
    logs = {"loss": 1.0, "val_loss": 1.0} if validated else {}
    play(played, [logs] * epochs, batches=3, valid_batches=2)
    assert outline(real.calls) == outline(played.calls)
    assert follows_the_grammar(real.hooks)


@pytest.mark.parametrize("hook", TRAINING_HOOKS)
def test_a_stop_anywhere_does_what_play_does(trainer, follows_the_grammar, hook):
    """Wherever `stop_training` is set, the loop and `play` end in the same way."""
    real, played = Recorder(), Recorder()
    callback = LambdaCallback(**{hook: lambda *_: None})

    def stop(*arguments):
        callback.model.stop_training = True

    setattr(callback, hook, stop)
    history = trainer(callback, real)(epochs=3, valid=batches(2))
    script = [{"loss": 1.0, "val_loss": 1.0}] * 3
    expected = play([callback, played], script, batches=3, valid_batches=2).history
    assert outline(real.calls) == outline(played.calls)
    assert follows_the_grammar(real.hooks)
    assert len(history) == len(expected) == (0 if hook == "on_train_begin" else 1)


@pytest.mark.parametrize("where", ["train", "valid", "epoch"])
def test_pairs_balance_after_a_break(trainer, follows_the_grammar, where):
    """A `break` in any of the loops still ends what was begun."""
    recorder = Recorder()
    history = trainer(recorder)(
        epochs=3,
        valid=batches(2),
        at=lambda place, epoch, batch: "break" if (place, epoch) == (where, 2) else None,
    )
    assert follows_the_grammar(recorder.hooks)
    assert [logs["epoch"] for logs in history] == ([1, 2] if where == "epoch" else [1, 2, 3])
    expected = {"train": (7, 6), "valid": (9, 5), "epoch": (6, 4)}[where]
    assert recorder.hooks.count("on_train_batch_end") == expected[0]
    assert recorder.hooks.count("on_valid_batch_end") == expected[1]


def test_a_return_out_of_the_block_ends_it_too(network):
    """Leaving the function that trains is leaving the block."""
    recorder = Recorder()

    def train():
        with TrainingLoop(network, callbacks=recorder) as loop:
            for epoch in loop.epochs(3):
                for _ in epoch.train(batches()):
                    return

    train()
    assert recorder.hooks == [
        "on_train_begin",
        "on_epoch_begin",
        "on_train_batch_begin",
        "on_train_batch_end",
        "on_batch_settled",
        "on_epoch_end",
        "on_settled",
        "on_train_end",
        "close",
    ]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3)])
@pytest.mark.parametrize("where", ["train", "valid", "epoch"])
def test_an_error_in_the_body_is_told_and_everything_put_back(trainer, network, where, error):
    """The error comes out, `on_exception` and `close` come once, mode and gradients are back."""
    network.eval()
    network[1].train()
    before, recorder = in_mode(network), Recorder()

    def fail(place, epoch, batch):
        if (place, epoch) == (where, 1):
            raise error

    with pytest.raises(type(error)) as caught:
        trainer(recorder)(valid=batches(2), at=fail)
    assert caught.value is error
    assert recorder.calls[-2:] == [("on_exception", (error,)), ("close", ())]
    assert [recorder.hooks.count(hook) for hook in ("on_exception", "close")] == [1, 1]
    assert not {"on_epoch_end", "on_train_end"} & set(recorder.hooks)
    assert in_mode(network) == before
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("hook", [*TRAINING_HOOKS, "on_train_end"])
def test_an_error_in_a_hook_is_told_and_everything_put_back(trainer, network, hook):
    """Whichever hook raises, the run ends in order, with the culprit's name."""
    error, recorder, before = ValueError("no"), Recorder(), in_mode(network)

    def fail(*arguments):
        raise error

    with pytest.raises(ValueError, match="no") as caught:
        trainer(LambdaCallback(**{hook: fail}), recorder)(epochs=1, valid=batches(2))
    assert caught.value.__notes__ == [f"raised by LambdaCallback.{hook}"]
    assert recorder.calls[-2:] == [("on_exception", (error,)), ("close", ())]
    assert recorder.hooks.count("close") == 1
    assert hook not in recorder.hooks
    assert in_mode(network) == before
    assert torch.is_grad_enabled()


def test_an_error_while_closing_does_not_hide_the_first(trainer, caplog):
    """The body's error comes out; that of `close` is reported."""
    late = OSError("late")

    def fail(*arguments):
        raise late

    def stop(*where):
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        trainer(LambdaCallback(close=fail))(at=stop)
    assert [record.exc_info[1] for record in caplog.records] == [late]


def test_an_error_while_closing_comes_out_when_it_is_the_first(trainer):
    """A run that went well and cannot be closed has not gone well."""

    def fail():
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        trainer(LambdaCallback(close=fail))()


def test_modes_are_right_in_each_pass_and_put_back(network, optimizer):
    """Training mode with gradients, evaluation mode without, and afterwards as it was before."""
    network[1].eval()
    before, seen = in_mode(network), []

    def look(*arguments):
        seen.append((all(in_mode(network)), any(in_mode(network)), torch.is_grad_enabled()))

    callback = LambdaCallback(
        on_train_batch_begin=look, on_train_batch_end=look, on_valid_begin=look,
        on_valid_batch_end=look, on_test_begin=look, on_test_batch_end=look,
    )  # fmt: skip
    with TrainingLoop(network, optimizer, callbacks=callback) as loop:
        for epoch in loop.epochs(2):
            for _ in epoch.train(batches(1)):
                loop.log(loss=1.0)
            for _ in epoch.valid(batches(1)):
                loop.log(loss=1.0)
            look()
        for _ in loop.test(batches(1)):
            loop.log(loss=1.0)
    training, evaluation = (True, True, True), (False, False, False)
    assert seen == [training, training, evaluation, evaluation, training] * 2 + [evaluation] * 2
    assert in_mode(network) == before


def test_a_validation_left_early_leaves_gradients_on(trainer):
    """The code after a `break` out of a validation can train."""
    seen = []

    def leave(place, epoch, batch):
        if place == "epoch":
            seen.append(torch.is_grad_enabled())
        return "break" if place == "valid" else None

    trainer()(valid=batches(2), at=leave)
    assert seen == [True, True]


def test_recording_of_gradients_is_put_back_as_it_was(network):
    """Inside `torch.no_grad` a validation does not turn gradients on."""
    with torch.no_grad(), TrainingLoop(network) as loop:
        for epoch in loop.epochs(1):
            for _ in epoch.train(batches(1)):
                pass
            for _ in epoch.valid(batches(1)):
                pass
            assert not torch.is_grad_enabled()


def test_the_history_is_the_mean_over_the_examples(network):
    """Batches of different size weigh by their size; keys come in the documented order."""
    recorder = Recorder()
    x, y = torch.ones(5, 2), torch.ones(5, 1)
    train = [(x[:4], y[:4]), (x[:1], y[:1])]
    with TrainingLoop(network, callbacks=recorder) as loop:
        for epoch in loop.epochs(1):
            for number, _ in enumerate(epoch.train(train)):
                loop.log(loss=torch.tensor([1.0, 6.0])[number], accuracy=number)
            for _ in epoch.valid(train):
                loop.log(loss=3.0)
                loop.log(accuracy=torch.tensor(0.5))
            epoch.log(lr=0.25, steps=torch.tensor(7))
    entry = loop.history[0]
    names = ["epoch", "time", "loss", "accuracy", "val_loss", "val_accuracy", "lr", "steps"]
    assert list(entry) == names
    assert [entry[name] for name in names if name != "time"] == [1, 2.0, 0.2, 3.0, 0.5, 0.25, 7]
    assert {type(value) for value in entry.values()} == {int, float}
    assert recorder.logs_of("on_epoch_end") == recorder.logs_of("on_settled") == loop.history


def test_what_the_batch_hooks_are_given(network):
    """Batch logs hold this batch alone, `val_` and `test_` before their names, and the time."""
    recorder = Recorder()
    with TrainingLoop(network, callbacks=recorder) as loop:
        for epoch in loop.epochs(1):
            for number, _ in enumerate(epoch.train(batches(2, size=3)), 1):
                loop.log(loss=number)
            for _ in epoch.valid(batches(1, size=5)):
                loop.log(loss=7.0, f1=0.5)
        tested = loop.test(batches(1))
        for _ in tested:
            loop.log(loss=9.0, size=10)
    batch = [{**logs, "time": logs["time"] >= 0} for logs in recorder.logs_of("on_train_batch_end")]
    assert batch == [
        {"batch": 1, "size": 3, "time": True, "loss": 1},
        {"batch": 2, "size": 3, "time": True, "loss": 2},
    ]
    (valid,) = recorder.logs_of("on_valid_batch_end")
    assert list(valid) == ["batch", "size", "time", "val_loss", "val_f1"]
    assert list(recorder.logs_of("on_valid_end")[0]) == ["time", "val_loss", "val_f1"]
    (test,) = recorder.logs_of("on_test_batch_end")
    assert (test["size"], test["test_loss"]) == (10, 9.0)
    assert recorder.logs_of("on_test_end") == [dict(tested.logs)]
    assert list(tested.logs) == ["time", "test_loss"]


def test_times_include_the_wait_for_the_loader_and_the_validation(network, monkeypatch):
    """A batch's time runs from the end of the one before; an epoch's until its end."""
    clock = [0.0]

    def tick(seconds):
        clock[0] += seconds

    def slow(seconds, count=2):
        for _ in range(count):
            tick(seconds)
            yield torch.ones(1)

    for module in ("_pass", "_epoch"):
        monkeypatch.setattr(f"callbacks_core.loop.{module}.perf_counter", lambda: clock[0])
    recorder = Recorder()
    with TrainingLoop(network, callbacks=recorder) as loop:
        for epoch in loop.epochs(1):
            for _ in epoch.train(slow(1.0)):
                tick(0.25)
                loop.log(loss=1.0)
            for _ in epoch.valid(slow(4.0)):
                loop.log(loss=1.0)
    assert [logs["time"] for logs in recorder.logs_of("on_train_batch_end")] == [1.25, 1.25]
    assert [logs["time"] for logs in recorder.logs_of("on_valid_batch_end")] == [4.0, 4.0]
    assert recorder.logs_of("on_valid_end")[0]["time"] == 8.0
    assert loop.history[0]["time"] == 10.5


def test_the_wait_for_the_device_counts_as_time(network, monkeypatch):
    """An epoch is over when its values have arrived, not when they were asked for."""
    clock = [0.0]
    real = torch.Tensor.tolist

    def slow(self):
        clock[0] += 3.0
        return real(self)

    monkeypatch.setattr("callbacks_core.loop._epoch.perf_counter", lambda: clock[0])
    monkeypatch.setattr(torch.Tensor, "tolist", slow)
    with TrainingLoop(network) as loop:
        for epoch in loop.epochs(1):
            for _ in epoch.train(batches(1)):
                loop.log(loss=torch.tensor(1.0))
    assert loop.history[0]["time"] == 3.0


def test_a_parameter_is_logged_as_it_is_now(network, optimizer):
    """A parameter that the optimizer changes later is averaged over what it was at each batch."""
    bias, seen = network[0].bias, []
    with TrainingLoop(network, optimizer) as loop:
        for epoch in loop.epochs(1):
            for _ in epoch.train(batches(3)):
                loop.log(bias=bias)
                seen.append(bias.item())
                bias.grad = torch.ones(1)
                optimizer.step()
    assert len(set(seen)) == 3
    assert loop.history[0]["bias"] == pytest.approx(sum(seen) / 3)


def test_the_params_follow_the_loaders(network):
    """What is told before the first batch is corrected by what the loaders say."""
    callback, seen = Callback(), []
    with TrainingLoop(network, callbacks=callback) as loop:
        for epoch in loop.epochs(4, initial_epoch=4, steps=9):
            seen.append(dict(callback.params))
            for _ in epoch.train(batches(3)):
                pass
            for _ in epoch.valid(iter(batches(2))):
                pass
            seen.append(dict(callback.params))
        for _ in loop.test(batches(5)):
            seen.append(dict(callback.params))
            break
        for _ in loop.predict(iter(batches(5)), steps=2):
            seen.append(dict(callback.params))
            break
    assert seen == [
        {"epochs": 4, "steps": 9},
        {"epochs": 4, "steps": 3, "valid_steps": None},
        {"steps": 5},
        {"steps": 2},
    ]


@pytest.mark.parametrize("kind", ["test", "predict"])
def test_evaluations_have_hooks_of_their_own(network, kind):
    """Begin, batches, end and close; the network is in evaluation mode; nothing is history."""
    recorder = Recorder()
    with TrainingLoop(network, callbacks=recorder) as loop:
        for _ in getattr(loop, kind)(batches(2)):
            assert not network.training
    batch = [f"on_{kind}_batch_begin", f"on_{kind}_batch_end"]
    assert recorder.hooks == [f"on_{kind}_begin", *batch * 2, f"on_{kind}_end", "close"]
    assert loop.history == []


@pytest.mark.parametrize("left", ["epochs", "batches"])
def test_testing_may_follow_a_training_that_was_left(network, follows_the_grammar, left):
    """After a `break` out of the epochs the training is ended first; then the test runs."""
    recorder = Recorder()
    with TrainingLoop(network, callbacks=recorder) as loop:
        for epoch in loop.epochs(3):
            for _ in epoch.train(batches()):
                loop.backward_end()
                if left == "batches":
                    break
            break
        for _ in loop.test(batches(1)):
            pass
    training = recorder.hooks[: recorder.hooks.index("on_train_end") + 1]
    assert follows_the_grammar([*training, "close"])
    assert recorder.hooks[len(training) :] == [
        "on_test_begin",
        "on_test_batch_begin",
        "on_test_batch_end",
        "on_test_end",
        "close",
    ]


def test_one_block_can_train_twice(network):
    """Each training begins and ends; the callbacks are closed once, at the end of the block."""
    stopping, recorder = EarlyStopping(monitor="loss"), Recorder()
    with TrainingLoop(network, callbacks=[stopping, recorder]) as loop:
        for _ in range(2):
            for epoch in loop.epochs(5):
                for _ in epoch.train(batches(1)):
                    loop.log(loss=1.0)
    assert [logs["epoch"] for logs in loop.history] == [1, 2, 1, 2]
    assert recorder.hooks.count("on_train_end") == 2
    assert recorder.hooks.count("close") == 1


def test_weights_that_are_lost_are_neither_validated_nor_saved(trainer, capsys):
    """After a NaN loss the body's validation is empty and no end of an epoch is told."""
    recorder, validated = Recorder(), []
    train = batches(4)
    train[1] = (train[1][0] * math.nan, train[1][1])
    history = trainer(TerminateOnNaN(), recorder)(
        epochs=3,
        train=train,
        valid=batches(2),
        at=lambda place, epoch, batch: validated.append(batch) if place == "valid" else None,
    )
    assert history == validated == []
    assert capsys.readouterr().out == "Batch 2: Invalid loss, terminating training\n"
    assert recorder.hooks.count("on_train_batch_end") == 2
    assert recorder.hooks[-2:] == ["on_train_end", "close"]
    assert not {"on_valid_begin", "on_epoch_end", "on_settled"} & set(recorder.hooks)


def test_an_epoch_ends_once(network):
    """A body that ends it by hand, to see its logs, changes nothing for the callbacks."""
    recorder = Recorder()
    with TrainingLoop(network, callbacks=recorder) as loop:
        for epoch in loop.epochs(2):
            for _ in epoch.train(batches(1)):
                loop.log(loss=2.0)
            epoch.end()
            assert epoch.logs["loss"] == 2.0
    assert recorder.hooks.count("on_epoch_end") == len(loop.history) == 2


def test_an_epoch_tells_that_it_was_abandoned(network):
    """The body can ask, and skip what else it would do."""
    with TrainingLoop(network, callbacks=TerminateOnNaN(every=100)) as loop:
        for epoch in loop.epochs(3):
            for _ in epoch.train(batches(2)):
                loop.log(loss=torch.tensor(math.inf))
            assert epoch.abandoned
            assert list(epoch.valid(batches(2))) == []
    assert loop.history == []


def test_looking_ahead_knows_the_last_batch(network):
    """Each batch comes once and in order; `is_last` is true for the last one alone."""
    with TrainingLoop(network) as loop:
        for epoch in loop.epochs(2):
            running = epoch.train(iter([1, 2, 3]) if epoch.number == 1 else [5], look_ahead=True)
            seen = [(batch, running.is_last) for batch in running]
            expected = [(1, False), (2, False), (3, True)] if epoch.number == 1 else [(5, True)]
            assert seen == expected


def test_looking_ahead_takes_no_batch_too_many(network):
    """With a number of steps the loader is asked for those and no more."""
    loader = iter(range(10))
    with TrainingLoop(network) as loop:
        for epoch in loop.epochs(1):
            assert list(epoch.train(loader, steps=4, look_ahead=True)) == [0, 1, 2, 3]
    assert next(loader) == 4


def test_summaries_join_the_averages(network):
    """What `summarize` returns is computed once, after the last batch, and goes before averages."""
    calls = []

    def summarize():
        calls.append(1)
        return {"f1": torch.tensor(0.5), "loss": 9.0}

    with TrainingLoop(network) as loop:
        for epoch in loop.epochs(1):
            for _ in epoch.train(batches(), summarize=summarize):
                loop.log(loss=1.0)
                assert calls == []
    assert calls == [1]
    assert (loop.history[0]["f1"], loop.history[0]["loss"]) == (0.5, 9.0)


def test_the_callbacks_get_the_model_of_the_caller(network, optimizer):
    """By default a `SimpleModel`; another one where it is handed in."""
    callback = Callback()
    with TrainingLoop(network, optimizer, callbacks=callback) as loop:
        next(loop.epochs(1))
        assert (callback.model.network, callback.model.optimizer) == (network, optimizer)
    model = SimpleModel(network, optimizer)
    with TrainingLoop(network, callbacks=callback, model=model) as loop:
        next(loop.epochs(1))
        assert callback.model is model


def test_a_callback_list_is_taken_as_it_is(network):
    """Its times can be read after the training."""
    callbacks = CallbackList([Recorder()])
    assert TrainingLoop(network, callbacks=callbacks).callbacks is callbacks
