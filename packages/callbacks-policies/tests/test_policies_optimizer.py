# SPDX-License-Identifier: MIT
import copy
import io
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from callbacks_core import Callback, CallbackList, DelayCallback, SimpleModel, TrainingLoop
from callbacks_core.testing import play
from callbacks_policies import (
    OptimizerPolicy,
    Phase,
    cosinespace,
    linspace,
    one_cycle_phases,
    sgdr_phases,
)


def make_optimizer(kind=torch.optim.SGD, groups=1, **options):
    parts = [{"params": [torch.nn.Parameter(torch.ones(1))]} for _ in range(groups)]
    return kind(parts, **options)


def settings(optimizer, *names):
    return [tuple(float(group[name]) for name in names) for group in optimizer.param_groups]


class Watcher(Callback):
    """Keeps the settings that each optimizer step is made with."""

    def __init__(self, *names):
        self.names = names
        self.steps = []

    def on_backward_end(self, batch_number):
        self.steps.append(settings(self.model.optimizer, *self.names)[0])


def train(callbacks, optimizer, epochs, *, batches=4, accumulate=1):
    with TrainingLoop(torch.nn.Linear(1, 1), optimizer, callbacks=callbacks) as loop:
        for epoch in loop.epochs(epochs):
            for number in epoch.train(range(1, batches + 1)):
                if number % accumulate == 0 or number == batches:
                    loop.backward_end()
                    optimizer.step()
                loop.log(loss=0.0, size=1)


def test_each_step_gets_its_settings():
    """Phases follow one another over the ends of epochs; after the last all stays as it is."""
    phases = [Phase(lr=linspace(1, 3, 3), momentum=0.5), Phase(lr=[7.0, 6.0], momentum=[0.1, 0.2])]
    watcher = Watcher("lr", "momentum")
    optimizer = make_optimizer(lr=0.1, groups=2)
    train([OptimizerPolicy(phases), watcher], optimizer, 2)
    assert watcher.steps == [(1, 0.5), (2, 0.5), (3, 0.5), (7, 0.1), *[(6, 0.2)] * 4]
    assert settings(optimizer, "lr", "momentum") == [(6, 0.2), (6, 0.2)]


def test_after_the_last_phase_others_may_take_over():
    """A policy that is exhausted writes nothing any more."""

    class Hand(Callback):
        def on_epoch_begin(self, epoch_number, logs):
            self.model.optimizer.param_groups[0]["lr"] = 9.0

    watcher = Watcher("lr")
    train([OptimizerPolicy([Phase(lr=[1, 2, 3])]), Hand(), watcher], make_optimizer(lr=0.1), 2)
    assert watcher.steps == [(1,), (2,), (3,), (3,), (9,), (9,), (9,), (9,)]


@pytest.mark.parametrize(
    ("accumulate", "expected"), [(1, [0, 1, 2, 3, 4, 5]), (2, [0, 1, 2, 3]), (3, [0, 1])]
)
def test_a_step_is_one_of_the_optimizer(accumulate, expected):
    """With accumulation the policy moves once per optimizer step, not per batch."""
    watcher = Watcher("lr")
    policy = OptimizerPolicy([Phase(lr=range(100))])
    train([policy, watcher], make_optimizer(lr=0.1), 2, batches=3, accumulate=accumulate)
    assert watcher.steps == [(value,) for value in expected]
    assert policy.current_step == len(expected)


def test_a_skipped_step_gets_its_settings_again():
    """When mixed precision skips a step, the policy stays where it is."""
    seen, optimizer = Watcher("lr"), make_optimizer(lr=0.1)
    policy = OptimizerPolicy([Phase(lr=range(9))])
    with TrainingLoop(torch.nn.Linear(1, 1), optimizer, callbacks=[policy, seen]) as loop:
        for epoch in loop.epochs(1):
            for number in epoch.train(range(4)):
                loop.backward_end()
                if number != 1:
                    optimizer.step()
                loop.log(loss=0.0, size=1)
    assert seen.steps == [(0,), (1,), (1,), (2,)]


def test_a_delayed_policy_starts_at_its_start():
    """Steps that were taken under a delay are none of the policy's."""
    watcher = Watcher("lr")
    policy = OptimizerPolicy([Phase(lr=[1, 2, 3, 4])])
    train([DelayCallback(policy, batch_delay=2), watcher], make_optimizer(lr=0.5), 1, batches=5)
    assert watcher.steps == [(0.5,), (0.5,), (1,), (2,), (3,)]


@pytest.mark.parametrize(
    "kind", [torch.optim.Adam, torch.optim.AdamW, torch.optim.NAdam, torch.optim.Adamax]
)
def test_momentum_is_the_first_beta_of_adam(kind):
    """The second one stays; no setting is added that the optimizer does not know."""
    optimizer = make_optimizer(kind, lr=0.1)
    keys = set(optimizer.param_groups[0])
    play(
        OptimizerPolicy([Phase(momentum=[0.8, 0.7])]),
        [{}],
        model=SimpleModel(torch.nn.Linear(1, 1), optimizer),
    )
    assert optimizer.param_groups[0]["betas"] == (0.7, 0.999)
    assert set(optimizer.param_groups[0]) == keys


def test_any_number_of_a_group_can_be_driven():
    """Weight decay, or whatever else the optimizer has."""
    optimizer = make_optimizer(torch.optim.RMSprop, lr=0.1)
    policy = OptimizerPolicy([Phase(weight_decay=[0.5], alpha=0.25)])
    play(policy, [{}], model=SimpleModel(torch.nn.Linear(1, 1), optimizer))
    assert settings(optimizer, "weight_decay", "alpha") == [(0.5, 0.25)]


def test_a_rate_that_is_a_tensor_stays_one():
    """The tensor of a capturable optimizer is written into, not replaced."""
    rate = torch.tensor(1.0)
    optimizer = make_optimizer(torch.optim.Adam, lr=rate)
    model = SimpleModel(torch.nn.Linear(1, 1), optimizer)
    play(OptimizerPolicy([Phase(lr=[0.5, 0.25])]), [{}], model=model)
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == 0.25


def test_each_training_starts_anew():
    """The same instance takes the same course with every training."""
    policy, optimizer = OptimizerPolicy(one_cycle_phases(7)), make_optimizer(lr=0.1)
    courses = []
    for _ in range(2):
        watcher = Watcher("lr", "momentum")
        train([policy, watcher], optimizer, 2)
        courses.append(watcher.steps)
    assert courses[0] == courses[1]


@given(start=st.integers(0, 12))
def test_starting_at_a_step_is_as_having_come_there(start):
    """`initial_step` skips steps, but not what the phases before it leave behind."""
    phases = [Phase(lr=[1, 2, 3], momentum=[0.1, 0.2, 0.3]), Phase(lr=[4, 5]), Phase(lr=[6] * 3)]
    whole, rest = Watcher("lr", "momentum"), Watcher("lr", "momentum")
    train([OptimizerPolicy(phases), whole], make_optimizer(lr=0.5), 1, batches=13)
    policy = OptimizerPolicy(phases, initial_step=start)
    train([policy, rest], make_optimizer(lr=0.5), 1, batches=13 - start)
    assert rest.steps == whole.steps[start:]
    assert policy.current_step == 13


POLICIES = [
    lambda: one_cycle_phases(11),
    lambda: sgdr_phases(2, 2),
    lambda: [Phase(lr=cosinespace(1, 0, 5), momentum=0.5), Phase(lr=linspace(0, 1, 30))],
]


@given(
    make=st.sampled_from(POLICIES),
    after=st.integers(1, 14),
    with_optimizer_state=st.booleans(),
    kind=st.sampled_from(["SGD", "Adam"]),
    accumulate=st.integers(1, 3),
    policy_first=st.booleans(),
)
def test_a_resumed_run_is_the_uninterrupted_one(
    make, after, with_optimizer_state, kind, accumulate, policy_first
):
    """Stopped after any step and resumed in a new process, every setting is exactly the same.

    With and without accumulation, and in any order of the callbacks.
    """

    class Cut(Callback):
        states = None
        batches = 15

        def on_batch_settled(self, batch_number, logs):
            if batch_number < after:
                return
            Cut.batches = batch_number
            file = io.BytesIO()
            torch.save([listed.state_dict(), self.model.optimizer.state_dict()], file)
            file.seek(0)
            Cut.states = torch.load(file, weights_only=True)
            self.model.stop_training = True

    def optimizer():
        return make_optimizer(getattr(torch.optim, kind), lr=0.1)

    name = "momentum" if kind == "SGD" else "eps"

    def order(*callbacks):
        return callbacks if policy_first else callbacks[::-1]

    whole, first, rest = (Watcher("lr", name) for _ in range(3))
    options = {"accumulate": accumulate}
    train(order(OptimizerPolicy(make()), whole), optimizer(), 1, batches=15, **options)
    listed = CallbackList(order(OptimizerPolicy(make()), first, Cut()))
    train(listed, optimizer(), 1, batches=15, **options)
    resumed, policy = optimizer(), OptimizerPolicy(make())
    listed = CallbackList(order(policy, rest))
    listed.load_state_dict(Cut.states[0])
    assert policy.current_step == len(first.steps)
    if with_optimizer_state:
        resumed.load_state_dict(Cut.states[1])
    if Cut.batches < 15:
        train(listed, resumed, 1, batches=15 - Cut.batches, **options)
    assert first.steps + rest.steps == whole.steps


def test_a_state_waits_until_it_is_used():
    """Before training the state is the position alone; a loaded one is given back unchanged."""
    policy = OptimizerPolicy([Phase(lr=[1, 2, 3])], initial_step=1)
    assert policy.state_dict() == {"step": 1, "groups": []}
    model = SimpleModel(torch.nn.Linear(1, 1), make_optimizer(lr=0.1))
    policy.load_state_dict(policy.state_dict())
    play(policy, [{}], batches=1, model=model)
    assert policy.state_dict() == {"step": 2, "groups": [{"lr": 2.0}]}
    other = OptimizerPolicy([Phase(lr=[1, 2, 3])])
    other.load_state_dict(policy.state_dict())
    assert other.state_dict() == policy.state_dict()


def test_a_policy_can_be_copied_and_pickled():
    """A copy made after training takes the same course with another optimizer."""
    policy = OptimizerPolicy([Phase(lr=[1, 2, 3])])
    train(policy, make_optimizer(lr=0.1), 1)
    for copied in (copy.deepcopy(policy), pickle.loads(pickle.dumps(policy))):
        watcher = Watcher("lr")
        train([copied, watcher], make_optimizer(lr=0.1), 1, batches=3)
        assert watcher.steps == [(1,), (2,), (3,)]


def test_nothing_is_left_on_the_optimizer():
    """After training nobody counts the optimizer's steps any more."""
    optimizer = make_optimizer(lr=0.1)
    train(OptimizerPolicy([Phase(lr=[1, 2])]), optimizer, 1)
    assert not optimizer._optimizer_step_post_hooks


def test_a_policy_shows_its_phases():
    """Each phase below the other, indented."""
    policy = OptimizerPolicy([Phase(lr=[1.0]), Phase(lr=[2.0], momentum=0.5)], initial_step=1)
    assert repr(policy) == (
        "OptimizerPolicy:\n    initial_step: 1\n    phases:\n"
        "        Phase:\n            lr: (1.0,)\n"
        "        Phase:\n            lr: (2.0,)\n            momentum: 0.5"
    )
    assert list(policy) == [{"lr": 1.0}, {"lr": 2.0, "momentum": 0.5}]


@pytest.mark.parametrize(
    ("kind", "phase", "message"),
    [
        ("SGD", {"weigth_decay": [1]}, "SGD has no setting 'weigth_decay' in parameter group 0.*"
         r"'lr', 'momentum'.*did you mean 'weight_decay'\?"),
        ("Adagrad", {"momentum": [1]}, "Adagrad has no setting 'momentum' in parameter group 0"),
        ("SGD", {"params": [1]}, "SGD has no setting 'params'"),
        ("Adam", {"betas": [1]}, r"'betas' in parameter group 0 of Adam is not a number but "
         r"\(0.9, 0.999\); `momentum` is the first of them"),
        ("SGD", {"nesterov": [1]}, "'nesterov' .* is not a number but False"),
    ],
)  # fmt: skip
def test_a_setting_that_the_optimizer_lacks_is_refused_before_the_first_batch(kind, phase, message):
    """The message lists what there is and suggests the near miss."""
    optimizer = make_optimizer(getattr(torch.optim, kind), lr=0.1)
    with pytest.raises(ValueError, match=message):
        play(OptimizerPolicy([Phase(**phase)]), [{}], model=SimpleModel(None, optimizer))
    assert settings(optimizer, "lr") == [(0.1,)]


@pytest.mark.parametrize(
    ("phases", "options", "error", "message"),
    [
        ([], {}, ValueError, "`phases` must hold at least one phase"),
        (Phase(lr=[1]), {}, TypeError, "`phases` must be a list of phases, not Phase:"),
        (3, {}, TypeError, "`phases` must be a list of phases, not 3"),
        ([Phase(lr=[1]), [0.1]], {}, TypeError, "phases[1] must be a Phase, not [0.1]"),
        ([Phase(lr=[1])], {"initial_step": -1}, ValueError, "`initial_step` must be at least 0"),
        ([Phase(lr=[1])], {"initial_step": 0.5}, TypeError, "`initial_step` must be a whole"),
    ],
)
def test_wrong_phases_are_refused_at_once(phases, options, error, message):
    """Each message says what was expected and what came."""
    with pytest.raises(error) as caught:
        OptimizerPolicy(phases, **options)
    assert str(caught.value).startswith(message)


def test_without_an_optimizer_there_is_nothing_to_set():
    """A model that is only evaluated has none."""
    with pytest.raises(ValueError, match="OptimizerPolicy needs an optimizer"):
        play(OptimizerPolicy([Phase(lr=[1])]), [{}])


def test_a_state_for_another_number_of_groups_is_refused():
    """The settings of each group are part of the state."""
    policy = OptimizerPolicy([Phase(lr=[1, 2])])
    network = torch.nn.Linear(1, 1)
    play(policy, [{}], model=SimpleModel(network, make_optimizer(lr=0.1, groups=2)))
    policy.load_state_dict(policy.state_dict())
    with pytest.raises(ValueError, match="settings for 2 parameter groups, but the optimizer has"):
        play(policy, [{}], model=SimpleModel(network, make_optimizer(lr=0.1)))
