# SPDX-License-Identifier: MIT
"""Gradients are those of one step alone."""

import torch

from callbacks_core import Callback
from callbacks_trainer import Model


class _Gradients(Callback):
    """Keeps the gradients of each step."""

    def on_train_begin(self, logs):
        self.found = []

    def on_backward_end(self, batch_number):
        self.found.append([weight.grad.clone() for weight in self.model.network.parameters()])


def test_no_gradient_outlives_its_step(make_model, batches):
    """Each step has the gradients that its own batch gives, whatever was there before."""
    kept = _Gradients()
    model = make_model({"optim": "sgd", "lr": 0.0})
    for weight in model.network.parameters():
        weight.grad = torch.full_like(weight, 1e6)
    model.fit_generator(batches, epochs=2, verbose=False, callbacks=[kept])
    for found, (x, y) in zip(kept.found, list(batches) * 2, strict=True):
        loss = model.loss_function(model.network(x), y)
        own = torch.autograd.grad(loss, list(model.network.parameters()))
        assert all(map(torch.equal, found, own))


def test_parameters_that_join_later_are_not_forgotten(batches):
    """A group that a callback adds in the middle of an epoch is trained like the others."""
    network = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 2))
    first, second = network

    class Joins(Callback):
        def on_train_batch_end(self, batch_number, logs):
            if batch_number == 1:
                self.model.optimizer.add_param_group({"params": list(second.parameters())})

    kept = _Gradients()
    optimizer = torch.optim.SGD(first.parameters(), lr=0.0)
    model = Model(network, optimizer, "cross_entropy")
    model.fit_generator(batches, epochs=1, verbose=False, callbacks=[Joins(), kept])
    x, y = list(batches)[-1]
    loss = model.loss_function(network(x), y)
    own = torch.autograd.grad(loss, list(network.parameters()))
    assert all(map(torch.equal, kept.found[-1], own))


def test_an_optimizer_may_forget_in_a_way_of_its_own(make_model, batches):
    """A ``zero_grad`` that an optimizer overrides, or was given, is called for every step."""
    called = []

    class Own(torch.optim.SGD):
        def zero_grad(self, set_to_none=True):
            called.append(type(self).__name__)
            super().zero_grad(set_to_none)

    network = make_model().network
    model = Model(network, Own(network.parameters(), lr=0.1), "cross_entropy")
    model.fit_generator(batches, epochs=2, verbose=False)
    assert called == ["Own"] * 2 * len(list(batches))

    model = make_model()
    whole = model.optimizer.zero_grad
    model.optimizer.zero_grad = lambda: (called.append("given"), whole())
    model.fit_generator(batches, epochs=1, verbose=False)
    assert called.count("given") == len(list(batches))
