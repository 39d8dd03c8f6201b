# SPDX-License-Identifier: MIT
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from callbacks_core.testing import Recorder
from callbacks_trainer import Model


def examples_of(sizes):
    generator = torch.Generator().manual_seed(len(sizes))
    return [
        (torch.randn(size, 3, generator=generator, dtype=torch.float64), torch.arange(size) % 2)
        for size in sizes
    ]


def joined(batches, number):
    """Return batches that are as big as *number* of the given ones; the last may be smaller."""
    groups = [batches[start : start + number] for start in range(0, len(batches), number)]
    return [tuple(torch.cat(parts) for parts in zip(*group, strict=True)) for group in groups]


def make():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    return Model(network, {"optim": "sgd", "lr": 0.1, "momentum": 0.9}, "cross_entropy")


@given(sizes=st.lists(st.integers(1, 6), min_size=1, max_size=7), number=st.integers(1, 5))
@example(sizes=[4, 4, 4, 4, 2], number=2)
@example(sizes=[3], number=4)
@settings(max_examples=40)
def test_accumulated_steps_equal_big_ones(sizes, number):
    """Whatever the sizes of the batches, and with a tail, the weights are those of big batches."""
    batches = examples_of(sizes)
    one, other = make(), make()
    found = one.fit_generator(batches, epochs=2, batches_per_step=number, verbose=False)
    expected = other.fit_generator(joined(batches, number), epochs=2, verbose=False)
    for weight, same in zip(one.network.parameters(), other.network.parameters(), strict=True):
        assert torch.allclose(weight, same, rtol=1e-9, atol=1e-12)
    if len(sizes) <= number:  # the weights did not change while the loss was computed
        assert found[0]["loss"] == pytest.approx(expected[0]["loss"])


@pytest.mark.parametrize("loader", [list, iter, lambda batches: (batch for batch in batches)])
@pytest.mark.parametrize("clip", [False, True])
def test_gradients_are_complete_when_they_are_shown(acting, loader, clip):
    """`on_backward_end` comes once a step, with an int, and the gradients of one big batch."""
    batches = examples_of([4, 4, 4, 4, 2])
    seen = {}

    def look(found):
        def action(callback, number):
            parameters = list(callback.model.network.parameters())
            if clip:
                nn.utils.clip_grad_norm_(parameters, 0.01)
            found.append((number, [parameter.grad.clone() for parameter in parameters]))

        return acting("on_backward_end", action)

    for name, given_batches, number in (
        ("small", loader(batches), 2),
        ("big", joined(batches, 2), 1),
    ):
        seen[name] = []
        make().fit_generator(
            given_batches,
            epochs=1,
            batches_per_step=number,
            callbacks=look(seen[name]),
            verbose=False,
        )
    assert [number for number, _ in seen["small"]] == [2, 4, 5]
    assert all(type(number) is int for number, _ in seen["small"])
    for (_, gradients), (_, expected) in zip(seen["small"], seen["big"], strict=True):
        for gradient, other in zip(gradients, expected, strict=True):
            assert torch.allclose(gradient, other)


def test_every_batch_has_its_hooks():
    """Batches keep their own hooks and logs; only a step's end is rarer."""
    recorder = Recorder()
    make().fit_generator(
        examples_of([4, 4, 4, 4, 2]),
        epochs=1,
        batches_per_step=2,
        callbacks=recorder,
        verbose=False,
    )
    assert [logs["size"] for logs in recorder.logs_of("on_train_batch_end")] == [4, 4, 4, 4, 2]
    settled = [call.arguments[0] for call in recorder.calls if call.hook == "on_batch_settled"]
    assert settled == [2, 4, 5]


@pytest.mark.parametrize("coalesced", [False, True])
def test_sparse_gradients(coalesced):
    """Sparse gradients are accumulated and normalised as dense ones are."""

    def make_sparse():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Embedding(5, 4, sparse=True), nn.Flatten(), nn.Linear(8, 2))
        if coalesced:
            network[0].weight.register_hook(torch.Tensor.coalesce)
        return Model(network, {"optim": "sgd", "lr": 0.1}, "cross_entropy")

    generator = torch.Generator().manual_seed(1)
    batches = [
        (torch.randint(5, (size, 2), generator=generator), torch.arange(size) % 2)
        for size in (4, 3, 2)
    ]
    one, other = make_sparse(), make_sparse()
    one.fit_generator(batches, epochs=2, batches_per_step=2, verbose=False)
    other.fit_generator(joined(batches, 2), epochs=2, verbose=False)
    assert torch.allclose(one.network[0].weight, other.network[0].weight, atol=1e-6)
    assert torch.allclose(one.network[2].weight, other.network[2].weight, atol=1e-6)


def test_a_stop_drops_what_is_incomplete(acting):
    """Stopped between steps, the gradients gathered so far change nothing, then or later."""
    batches = examples_of([4, 4, 4, 4])

    def stop(callback, number, logs):
        callback.model.stop_training = number == 3

    recorder = Recorder()
    one, other = make(), make()
    callbacks = [acting("on_train_batch_end", stop), recorder]
    options = {"batches_per_step": 2, "verbose": False}
    one.fit_generator(batches, batches, epochs=3, callbacks=callbacks, **options)
    assert recorder.hooks.count("on_backward_end") == 1
    assert recorder.hooks.count("on_valid_end") == 1
    other.fit_generator(batches[:2], epochs=1, **options)
    for _ in range(2):  # and what is left of the third batch does not get into the next training
        for weight, same in zip(one.network.parameters(), other.network.parameters(), strict=True):
            assert torch.equal(weight, same)
        for model in (one, other):
            model.fit_generator(batches, epochs=1, **options)


def test_parameters_without_a_gradient():
    """A parameter that the loss does not reach keeps its value."""
    network = nn.ModuleDict({"used": nn.Linear(3, 2), "idle": nn.Linear(3, 2)}).double()
    network.forward = lambda x: network["used"](x)
    before = network["idle"].weight.clone(), network["used"].weight.clone()
    Model(network, "sgd", "cross_entropy").fit_generator(
        examples_of([4, 4]), epochs=1, batches_per_step=2, verbose=False
    )
    assert torch.equal(network["idle"].weight, before[0])
    assert not torch.equal(network["used"].weight, before[1])


@pytest.mark.parametrize("number", [1, 2])
def test_a_step_begins_without_gradients(number):
    """The forward pass has the memory that those of the step before have taken."""
    made, seen = make(), []
    made.network.register_forward_pre_hook(
        lambda module, inputs: seen.append(module[0].weight.grad is None)
    )
    made.fit_generator(examples_of([2] * 4), epochs=2, batches_per_step=number, verbose=False)
    assert seen == ([True] + [False] * (number - 1)) * (8 // number)
    made.train_on_batch(*examples_of([2])[0])
    assert seen[-1]
