# SPDX-License-Identifier: MIT
"""The loops that are compared: each takes batches and goes through them once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD, Optimizer

from callbacks_core import EarlyStopping, TrainingLoop
from callbacks_trainer import Model

Batches: TypeAlias = list[tuple[Tensor, Tensor]]
Loop: TypeAlias = Callable[[Batches], object]


def make_batches(steps: int) -> Batches:
    """Return *steps* batches, of ten different ones."""
    torch.manual_seed(1)
    different = [(torch.randn(32, 32), torch.randint(0, 10, (32,))) for _ in range(10)]
    return (different * (steps // 10 + 1))[:steps]


def make_network() -> tuple[nn.Module, Optimizer]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10))
    return network, SGD(network.parameters(), lr=0.01, momentum=0.9)


def bare() -> Loop:
    """Train, and nothing else."""
    network, optimizer = make_network()

    def run(batches: Batches) -> None:
        network.train()
        for x, y in batches:
            loss = cross_entropy(network(x), y)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
            optimizer.step()

    return run


def bare_with_mean() -> Loop:
    """Train, and keep the mean of the loss as one does by hand."""
    network, optimizer = make_network()

    def run(batches: Batches) -> float:
        network.train()
        total = torch.zeros(())
        for x, y in batches:
            loss = cross_entropy(network(x), y)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
            optimizer.step()
            total += loss.detach()
        return float(total) / len(batches)

    return run


def by_hand() -> Loop:
    """Train in a loop written by hand around `TrainingLoop`."""
    network, optimizer = make_network()

    def run(batches: Batches) -> None:
        with TrainingLoop(network, optimizer) as loop:
            for epoch in loop.epochs(1):
                for x, y in epoch.train(batches):
                    loss = cross_entropy(network(x), y)
                    optimizer.zero_grad()
                    loss.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
                    loop.backward_end()
                    optimizer.step()
                    loop.log(loss=loss)

    return run


def model(callbacks: int) -> Callable[[], Loop]:
    """Train with `Model.fit_generator` and so many callbacks that listen to epochs only."""

    def make() -> Loop:
        network, optimizer = make_network()
        fitted = Model(network, optimizer, cross_entropy)
        listeners = [EarlyStopping(monitor="loss", patience=10**9) for _ in range(callbacks)]

        def run(batches: Batches) -> None:
            fitted.fit_generator(batches, epochs=1, verbose=False, callbacks=listeners)

        return run

    return make


WORKLOADS: Final[dict[str, Callable[[], Loop]]] = {
    "bare loop": bare,
    "bare loop that keeps the mean loss": bare_with_mean,
    "TrainingLoop by hand": by_hand,
    "Model, no callbacks": model(0),
    "Model, 8 callbacks on epochs": model(8),
    "Model, 100 callbacks on epochs": model(100),
}
