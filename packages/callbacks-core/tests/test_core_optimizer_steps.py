# SPDX-License-Identifier: MIT
import pickle
from collections.abc import Callable

from callbacks_core import OptimizerSteps, SimpleModel
from callbacks_core.testing import play


class StandIn:
    """What an optimizer does with the functions that want to know of its steps."""

    def __init__(self) -> None:
        self.hooks: list[Callable[..., None]] = []

    def register_step_post_hook(self, hook: Callable[..., None]) -> "Handle":
        self.hooks.append(hook)
        return Handle(self, hook)

    def step(self) -> None:
        for hook in self.hooks:
            hook(self, (), {})


class Handle:
    def __init__(self, optimizer: StandIn, hook: Callable[..., None]) -> None:
        self.remove = lambda: optimizer.hooks.remove(hook)


def test_take_counts_the_steps_since_the_last_take():
    """Every step is counted once."""
    optimizer, steps = StandIn(), OptimizerSteps()
    steps.watch(optimizer)
    optimizer.step()
    optimizer.step()
    assert [steps.take(), steps.take()] == [2, 0]
    optimizer.step()
    assert steps.take() == 1


def test_watching_again_lets_go_of_the_first_optimizer():
    """A counter counts one optimizer, from zero."""
    first, second, steps = StandIn(), StandIn(), OptimizerSteps()
    steps.watch(first)
    first.step()
    steps.watch(second)
    first.step()
    assert steps.take() == 0
    assert first.hooks == []


def test_a_released_counter_leaves_nothing_behind():
    """The optimizer forgets the counter; releasing twice does no harm."""
    optimizer, steps = StandIn(), OptimizerSteps()
    steps.watch(optimizer)
    optimizer.step()
    steps.release()
    steps.release()
    assert optimizer.hooks == []
    assert steps.take() == 1


def test_a_pickled_counter_leaves_the_optimizer_behind():
    """A copy is not attached, and can be."""
    optimizer, steps = StandIn(), OptimizerSteps()
    steps.watch(optimizer)
    copy = pickle.loads(pickle.dumps(steps))
    copy.watch(optimizer)
    optimizer.step()
    assert (steps.take(), copy.take()) == (1, 1)


def test_a_played_training_steps_its_optimizer():
    """What counts steps counts one for each batch of `play`."""
    optimizer, steps = StandIn(), OptimizerSteps()
    steps.watch(optimizer)
    play([], [{}, {}], batches=3, model=SimpleModel(None, optimizer))
    assert steps.take() == 6
