# SPDX-License-Identifier: MIT
"""The settled point between two steps, in loops written by hand."""

import pytest

from callbacks_core import TrainingLoop
from callbacks_core.testing import Recorder

torch = pytest.importorskip("torch")


def settled_batches(batches_per_step: int, *, announce: bool) -> list[int]:
    """Train seven batches and return those after which `on_batch_settled` came."""
    network = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    recorder = Recorder()
    with TrainingLoop(network, optimizer, callbacks=[recorder]) as loop:
        for epoch in loop.epochs(1):
            for number, x in enumerate(epoch.train([torch.ones(3, 2)] * 7), 1):
                loss = network(x).mean()
                loss.backward()
                if number % batches_per_step == 0:
                    if announce:
                        loop.backward_end()
                    optimizer.step()
                    optimizer.zero_grad()
                loop.log(loss=loss)
    assert not optimizer._optimizer_step_post_hooks
    return [call.arguments[0] for call in recorder.calls if call.hook == "on_batch_settled"]


@pytest.mark.parametrize("announce", [True, False])
def test_it_comes_after_each_optimizer_step_and_no_other_batch(announce: bool) -> None:
    """With accumulation it comes once a step, whether or not the loop tells of its gradients."""
    assert settled_batches(1, announce=announce) == [1, 2, 3, 4, 5, 6, 7]
    assert settled_batches(3, announce=announce) == [3, 6]
