# SPDX-License-Identifier: MIT
"""Tools for starting: short runs, the batch size that fits, what a network consists of."""

import logging
import os
import random

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from callbacks_core import Callback, LambdaCallback
from callbacks_trainer import (
    Model,
    TensorDataset,
    find_batch_size,
    set_deterministic,
    set_seeds,
    summarize,
)
from callbacks_trainer.convert import torch_apply

X = torch.linspace(-1, 1, 40).reshape(20, 2)
Y = X.sum(1, keepdim=True)


def model(**options) -> Model:
    torch.manual_seed(0)
    return Model(nn.Linear(2, 1), "sgd", "mse", **options)


def counted(made: Model, **options) -> tuple[list[int], list[int]]:
    """Return how many training and validation batches each epoch had."""
    train: list[int] = []
    valid: list[int] = []

    class Count(Callback):
        def on_epoch_begin(self, epoch_number, logs):
            train.append(0)
            valid.append(0)

        def on_train_batch_end(self, batch_number, logs):
            train[-1] += 1

        def on_valid_batch_end(self, batch_number, logs):
            valid[-1] += 1

    options = {"epochs": 2, "batch_size": 4, "verbose": False, **options}
    made.fit(X, Y, (X, Y), callbacks=[Count(), *options.pop("callbacks", [])], **options)
    return train, valid


@pytest.mark.parametrize(
    ("options", "train", "valid"),
    [
        ({"limit_batches": 3}, [3, 3], [3, 3]),
        ({"limit_batches": 99}, [5, 5], [5, 5]),
        ({"limit_batches": 0.5}, [2, 2], [2, 2]),
        ({"limit_batches": 0.01}, [1, 1], [1, 1]),
        ({"limit_batches": 1.0}, [5, 5], [5, 5]),
        ({"limit_batches": 3, "validation_steps": 2}, [3, 3], [2, 2]),
        ({"fast_dev_run": True}, [1], [1]),
        ({"fast_dev_run": 2}, [2], [2]),
        ({"fast_dev_run": 9, "initial_epoch": 2}, [5], [5]),
        ({"overfit_batches": 2}, [2, 2], [2, 2]),
    ],
)
def test_short_runs_take_so_many_batches(options, train, valid):
    """Never more than a loader has."""
    assert counted(model(), **options) == (train, valid)


def test_what_is_learned_by_heart_is_the_same_in_every_epoch():
    """And it is what the network is validated with."""
    seen: list[torch.Tensor] = []
    made = Model(nn.Linear(2, 1), {"optim": "sgd", "lr": 0.3}, "mse")
    made.network.register_forward_hook(
        lambda module, inputs, output: seen.append(inputs[0].clone())
    )
    history = made.fit(X, Y, (X + 9, Y), overfit_batches=1, epochs=300, batch_size=8, verbose=False)
    assert all(torch.equal(batch, seen[0]) for batch in seen)
    assert history[-1]["val_loss"] < 1e-3 * history[0]["val_loss"]


def test_a_fast_run_leaves_out_what_writes_and_keeps_what_steers(caplog):
    """Loggers and savers would touch the files of a real run."""
    heard: list[str] = []

    class Saver(Callback):
        on_error = "warn"

        def on_epoch_end(self, epoch_number, logs):
            heard.append("saver")

    steering = LambdaCallback(on_epoch_end=lambda epoch_number, logs: heard.append("steering"))
    with caplog.at_level(logging.WARNING):
        counted(model(), fast_dev_run=True, callbacks=[Saver(), steering], resume="auto")
    assert heard == ["steering"]
    assert "leaves out what only watches or saves: Saver" in caplog.text


def test_a_loader_without_a_length_can_be_limited_by_a_number():
    """But not by a part of what nobody knows."""

    class Stream:
        def __iter__(self):
            for _ in range(9):
                yield X, Y

    made = model()
    batches = []
    made.fit_generator(
        Stream(),
        epochs=1,
        limit_batches=4,
        verbose=False,
        callbacks=[LambdaCallback(on_train_batch_end=lambda number, logs: batches.append(number))],
    )
    assert batches == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="a part of a loader that does not tell its length"):
        made.fit_generator(Stream(), limit_batches=0.5)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"limit_batches": 0}, ValueError),
        ({"limit_batches": 1.5}, ValueError),
        ({"limit_batches": "all"}, TypeError),
        ({"fast_dev_run": 0}, ValueError),
        ({"fast_dev_run": "yes"}, TypeError),
        ({"overfit_batches": 0}, ValueError),
        ({"overfit_batches": 0.5}, TypeError),
    ],
)
def test_a_number_out_of_range_is_told(options, error):
    """By the name of the argument."""
    with pytest.raises(error, match=next(iter(options))):
        counted(model(), **options)


class Memory(nn.Module):
    """A network that runs out of memory for more than so many examples."""

    def __init__(self, holds: int, error: Exception) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 1)
        self.register_buffer("calls", torch.zeros(()))
        self.holds = holds
        self.error = error
        self.tried: list[int] = []

    def forward(self, x):
        self.tried.append(len(x))
        if len(x) > self.holds:
            raise self.error
        self.calls += 1
        return self.linear(x) + torch.rand(()) * 0


NO_MEMORY = (
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
)


@pytest.mark.parametrize("error", NO_MEMORY)
@pytest.mark.parametrize(
    ("holds", "options", "found"),
    [
        (100, {"start": 2}, 20),
        (100, {"start": 2, "largest": 5}, 5),
        (9, {"start": 2}, 8),
        (3, {"start": 16}, 2),
        (1, {"start": 8}, 1),
    ],
)
def test_the_largest_batch_that_fits_is_found(error, holds, options, found):
    """By doubling, or by halving."""
    network = Memory(holds, error)
    made = Model(network, {"optim": "sgd", "momentum": 0.9}, "mse")
    assert find_batch_size(made, TensorDataset(X, Y), **options) == found
    assert max(size for size in network.tried if size <= holds) == found


def test_finding_it_leaves_everything_as_it_was():
    """Weights, buffers, optimizer, gradients and random states, bit for bit."""
    made = Model(Memory(9, NO_MEMORY[0]), {"optim": "adam"}, "mse")
    made.fit(X[:4], Y[:4], epochs=1, verbose=False)
    made.stop_training = True
    before = (
        torch_apply(made.network.state_dict(), torch.clone),
        torch_apply(made.optimizer.state_dict()["state"], torch.clone),
        [parameter.grad.clone() for parameter in made.network.parameters()],
        torch.get_rng_state(),
    )
    state = random.getstate()
    find_batch_size(made, TensorDataset(X, Y), start=1)
    after = (
        made.network.state_dict(),
        made.optimizer.state_dict()["state"],
        [parameter.grad for parameter in made.network.parameters()],
        torch.get_rng_state(),
    )
    assert random.getstate() == state
    assert made.stop_training
    torch.testing.assert_close(after, before, rtol=0, atol=0)


def test_where_no_batch_size_can_be_found():
    """Not even one example fits; another error is not memory; there is no example."""
    made = Model(Memory(0, NO_MEMORY[0]), "sgd", "mse")
    with pytest.raises(RuntimeError, match="not even a single example fits into memory"):
        find_batch_size(made, TensorDataset(X, Y))
    made = Model(Memory(3, RuntimeError("something else")), "sgd", "mse")
    with pytest.raises(RuntimeError, match="something else"):
        find_batch_size(made, TensorDataset(X, Y))
    with pytest.raises(ValueError, match="`dataset` is empty"):
        find_batch_size(made, [])
    with pytest.raises(ValueError, match="start"):
        find_batch_size(made, TensorDataset(X, Y), start=0)


def test_a_single_process_finds_it(monkeypatch):
    """Others would wait for one that is out of memory."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    made = model(strategy=None)
    with pytest.raises(RuntimeError, match="in a single process"):
        find_batch_size(made, TensorDataset(X, Y))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4, 10)
        for parameter in self.body.parameters():
            parameter.requires_grad = False

    def forward(self, x):
        features = self.body(x).mean((2, 3))
        return self.head(features), {"features": features}


SUMMARY = """\
module                output                                 parameters  trainable
Net                   [(5, 10), {'features': (5, 4)}]                98         50
  body (Sequential)   (5, 4, 6, 6)                                   48          0
    0 (Conv2d)        (5, 4, 6, 6)                                   40          0
    1 (BatchNorm2d)   (5, 4, 6, 6)                                    8          0
    2 (ReLU)          (5, 4, 6, 6)                                    0
  head (Linear)       (5, 10)                                        50
98 parameters, 50 of them trainable, 432 B"""


def test_a_network_is_summed_up_in_a_table():
    """With the shapes that come out of it, and what can be trained."""
    network = Net()
    network.train()
    before = torch_apply(network.state_dict(), torch.clone)
    summary = summarize(network, torch.randn(5, 1, 8, 8))
    assert [line.split() for line in str(summary).splitlines()] == [
        line.split() for line in SUMMARY.splitlines()
    ]
    assert network.training
    assert not network._forward_hooks
    torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)
    assert (summary.parameters, summary.trainable) == (98, 50)


def test_a_summary_needs_no_input_and_goes_as_deep_as_wanted():
    """Without one it has no shapes; weights that are shared count once."""
    layer = nn.Linear(2, 2)
    shared = nn.Sequential(layer, nn.Sequential(layer))
    summary = summarize(shared)
    assert summary.parameters == 6
    assert [entry.name for entry in summary.layers] == ["", "0", "1", "1.0"]
    assert summary.layers[0].shape is None
    assert [entry.depth for entry in summarize(shared, depth=1).layers] == [0, 1, 1]
    assert summarize(nn.Linear(1000, 1000)).size == 4_004_000
    assert str(summarize(nn.Linear(1000, 1000))).endswith("4.0 MB")
    with pytest.raises(ValueError, match="`depth` must be at least 0"):
        summarize(shared, depth=-1)


def test_an_error_in_the_network_leaves_no_hook():
    """And it is told as it is."""
    network = Net()
    with pytest.raises(RuntimeError, match="Given groups=1"):
        summarize(network, torch.randn(5, 3, 8, 8))
    assert not network.body[0]._forward_hooks


def test_seeds_can_come_with_deterministic_algorithms(monkeypatch):
    """Which then refuse what has no such way."""
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    try:
        set_seeds(3, deterministic=True)
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        first = torch.rand(2)
        set_seeds(3)
        assert torch.equal(torch.rand(2), first)
        set_deterministic(False)
        assert not torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
    for wrong in ("3", True, 1.5):
        with pytest.raises(TypeError, match="`seed` must be a whole number"):
            set_seeds(wrong)


def test_ordered_batches_stay_in_order_when_limited():
    """Each epoch starts from the first one."""
    seen = []

    def watch(made, batch):
        seen.append(batch[0])
        return made.network(batch[0]).sum()

    loader = DataLoader(TensorDataset(X, Y), 4)
    made = model(training_step=watch)
    made.fit_generator(loader, epochs=2, limit_batches=2, verbose=False)
    assert torch.equal(torch.cat(seen), torch.cat([X[:8], X[:8]]))
