# SPDX-License-Identifier: MIT
import math

import pytest
import torch

from callbacks_core import Callback, TrainingLoop
from callbacks_policies import (
    EMA,
    SWA,
    AdaptiveClip,
    ClipNorm,
    ClipValue,
    Freeze,
    OptimizerPolicy,
    Phase,
)

BATCHES = list(torch.randn(6, 4, 3, generator=torch.Generator().manual_seed(2)))


class Seen(Callback):
    """Keeps the rates that the optimizer steps with."""

    def __init__(self):
        self.rates = []

    def on_backward_end(self, batch_number):
        self.rates.append(self.model.optimizer.param_groups[0]["lr"])


def train(make, *, scaled, overflow=(), by=1):
    """Train with a gradient scaler or without, and let some steps overflow."""
    torch.manual_seed(0)
    network = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, enabled=scaled)
    callbacks = make(network)
    seen = Seen()
    with TrainingLoop(network, optimizer, callbacks=[*callbacks, seen]) as loop:
        for epoch in loop.epochs(1):
            for number, x in enumerate(epoch.train(BATCHES), 1):
                loss = network(x).square().mean() / by
                scaler.scale(loss * (math.inf if number in overflow else 1)).backward()
                if number % by == 0:
                    scaler.unscale_(optimizer)
                    loop.backward_end()
                    scaler.step(optimizer)
                    scaler.update()
                    optimizer.zero_grad()
                loop.log(loss=loss)
    return network, callbacks, seen, loop.history


@pytest.mark.parametrize("by", [1, 2, 3])
@pytest.mark.parametrize(
    "make",
    [
        lambda network: [ClipNorm(network.parameters(), 0.01)],
        lambda network: [ClipValue(network.parameters(), 0.01)],
        lambda network: [AdaptiveClip(network.parameters(), 0.01)],
        lambda network: [EMA(0.5, swap_at_end=True)],
        lambda network: [Freeze("bias"), SWA(1, every=1, swap_at_end=True)],
    ],
    ids=["norm", "value", "adaptive", "ema", "swa"],
)
def test_scaled_gradients_make_no_difference(make, by):
    """What is clipped are unscaled, complete gradients: powers of two leave every bit alone."""
    plain, scaled = (train(make, scaled=scaled, by=by)[0] for scaled in (False, True))
    assert torch.equal(plain.weight, scaled.weight)
    assert torch.equal(plain.bias, scaled.bias)


def test_a_step_that_overflows_counts_for_nobody():
    """The policy stays where it is, no average is made, and the mean norm stays finite."""

    def make(network):
        return [
            OptimizerPolicy([Phase(lr=[1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3])]),
            EMA(0.5),
            ClipNorm(network.parameters(), 1.0, log_name="norm"),
        ]

    _, (policy, ema, _), seen, [logs] = train(make, scaled=True, overflow=(2, 5))
    assert seen.rates == [1e-3, 2e-3, 2e-3, 3e-3, 4e-3, 4e-3]
    assert (policy.current_step, ema.steps) == (4, 4)
    assert 0 < logs["norm"] < math.inf
