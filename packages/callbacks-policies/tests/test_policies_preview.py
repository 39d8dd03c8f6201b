# SPDX-License-Identifier: MIT
import builtins
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from callbacks_core import Callback, SimpleModel
from callbacks_core.testing import play
from callbacks_policies import (
    OptimizerPolicy,
    Phase,
    constant,
    cosinespace,
    expspace,
    linspace,
    one_cycle_phases,
    polyspace,
    sgdr_phases,
    wsd_phases,
)

POLICIES = {
    "one cycle": lambda: one_cycle_phases(11),
    "sgdr": lambda: sgdr_phases(2, 3),
    "wsd": lambda: wsd_phases(12, (0.1, 1), warmup_steps=3, decay_steps=4, decay=cosinespace),
    "lists": lambda: [Phase(lr=[3, 2]), Phase(momentum=[0.5] * 3), Phase(lr=[1], momentum=0.9)],
}


def sgd(*rates):
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate} for rate in rates]
    return torch.optim.SGD(groups, lr=0.1, momentum=0.25)


class Watch(Callback):
    def __init__(self, name):
        self.name, self.seen = name, []

    def on_backward_end(self, batch_number):
        self.seen.append([group[self.name] for group in self.model.optimizer.param_groups])


@pytest.mark.parametrize("make", POLICIES.values(), ids=list(POLICIES))
@given(
    steps=st.integers(1, 20),
    start=st.integers(0, 15),
    group=st.sampled_from([None, 0, 1]),
    name=st.sampled_from(["lr", "momentum"]),
)
def test_the_preview_is_what_a_run_does(make, steps, start, group, name):
    """Every group's values, from any step on, and past the end."""
    if name == "momentum" and "momentum" not in {n for phase in make() for n in phase.names}:
        return
    policy, watch = OptimizerPolicy(make(), initial_step=start, group=group), Watch(name)
    preview = policy.preview(steps=steps, optimizer=sgd(9.0, 8.0), name=name)
    play([policy, watch], [{}], batches=steps, model=SimpleModel(None, sgd(9.0, 8.0)))
    assert preview == [list(values) for values in zip(*watch.seen, strict=True)]


def test_the_optimizer_stays_as_it_is():
    """And so does the policy."""
    optimizer, policy = sgd(9.0), OptimizerPolicy([Phase(lr=[1, 2])])
    assert policy.preview(optimizer=optimizer) == [[1, 2]]
    assert (optimizer.param_groups[0]["lr"], policy.current_step) == (9.0, 0)


def test_without_an_optimizer_what_comes_before_is_unknown():
    """A setting that a later phase brings."""
    [values] = OptimizerPolicy([Phase(lr=[1, 2]), Phase(momentum=[0.5])]).preview(name="momentum")
    assert [math.isnan(value) for value in values] == [True, True, False]


@given(
    begin=st.integers(0, 2100),
    length=st.integers(0, 50),
    kind=st.sampled_from([linspace, cosinespace, expspace, polyspace]),
    start=st.floats(1e-6, 1e6),
    end=st.floats(1e-6, 1e6),
    steps=st.integers(1, 2100),
)
def test_a_stretch_has_the_values_of_its_steps(begin, length, kind, start, end, steps):
    """Many at a time they are the same, bit for bit, as one by one."""
    space = kind(start, end, steps)
    assert space[begin : begin + length] == [
        space[step] for step in range(steps)[begin : begin + length]
    ]
    assert list(space) == [space[step] for step in range(steps)]


def test_a_glance_at_a_long_run_is_cheap():
    """Of a schedule of 10**15 steps only those asked for are worked out."""
    policy = OptimizerPolicy([Phase(lr=linspace(0, 1, 10**15)), Phase(lr=constant(3, 10**15))])
    assert policy.preview(steps=2)[0][0] == 0
    policy = OptimizerPolicy(policy.phases, initial_step=10**15 - 1)
    assert policy.preview(steps=2) == [[1, 3]]
    assert next(iter(policy)) == {"lr": 0}


def test_settings_are_drawn():
    """On new axes or on those given, named after the setting."""
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib import pyplot

    policy = OptimizerPolicy(one_cycle_phases(20))
    axes = policy.plot()
    assert list(axes.lines[0].get_ydata()) == policy.preview()[0]
    assert axes.get_ylabel() == "lr"
    again = policy.phases[0].plot("momentum", ax=axes)
    assert again is axes
    assert list(axes.lines[1].get_ydata()) == [step["momentum"] for step in policy.phases[0]]
    assert axes.lines[1].get_label() == axes.get_ylabel() == "momentum"
    pyplot.close(axes.figure)


@pytest.mark.parametrize(
    "draw", [OptimizerPolicy([Phase(lr=[1])]).plot, Phase(lr=[1]).plot], ids=["policy", "phase"]
)
def test_without_matplotlib_the_extra_is_named(monkeypatch, draw):
    """Importing this package does not import it."""
    found = builtins.__import__

    def without(name, *arguments):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return found(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "callbacks-policies\[plot\]"'):
        draw()


@pytest.mark.parametrize(
    ("look", "message"),
    [
        (lambda: OptimizerPolicy([Phase(lr=[1])]).preview(steps=0), "`steps` must be at least 1"),
        (lambda: OptimizerPolicy([Phase(lr=[1])]).preview(name="lrs"),
         "no phase has the setting 'lrs'; they have 'lr'; did you mean 'lr'?"),
        (lambda: OptimizerPolicy([Phase(lr=[1])]).plot("momentum"),
         "no phase has the setting 'momentum'; they have 'lr'"),
        (lambda: Phase(lr=[1], momentum=0.5).plot("momentm"),
         "the phase has no setting 'momentm', but 'lr', 'momentum'; did you mean 'momentum'?"),
        (lambda: OptimizerPolicy([Phase(lr=[1])], group=3).preview(optimizer=sgd(1.0)),
         "SGD has no parameter group 3"),
    ],
    ids=["steps", "near", "unset", "phase", "group"],
)  # fmt: skip
def test_what_cannot_be_looked_at_is_told(look, message):
    """With what there is."""
    with pytest.raises(ValueError, match=r".") as caught:
        look()
    assert str(caught.value).startswith(message)
