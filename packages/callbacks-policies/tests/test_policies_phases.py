# SPDX-License-Identifier: MIT
import copy
import math
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from callbacks_policies import (
    OptimizerPolicy,
    Phase,
    constant,
    cosinespace,
    expspace,
    linspace,
    one_cycle_phases,
    sgdr_phases,
    wsd_phases,
)


@pytest.mark.parametrize(
    "values",
    [
        [0.0, 0.5, 1.0],
        (0, 0.5, 1),
        linspace(0, 1, 3),
        torch.linspace(0, 1, 3),
        iter([0, 0.5, 1]),
        (step / 2 for step in range(3)),
    ],
    ids=["list", "tuple", "space", "tensor", "iterator", "generator"],
)
def test_a_phase_takes_any_iterable(values):
    """It can be gone through again, even when what it was made of cannot."""
    phase = Phase(lr=values)
    expected = [{"lr": 0.0}, {"lr": 0.5}, {"lr": 1.0}]
    assert list(phase) == list(phase) == expected
    assert [phase[step] for step in (0, 1, -1)] == expected
    assert len(phase) == 3


def test_a_number_holds_for_all_steps():
    """One setting gives the length, and the others may be single numbers."""
    phase = Phase(lr=linspace(0, 1, 2), momentum=0.9, weight_decay=1)
    assert list(phase) == [
        {"lr": 0.0, "momentum": 0.9, "weight_decay": 1.0},
        {"lr": 1.0, "momentum": 0.9, "weight_decay": 1.0},
    ]
    assert phase.names == ("lr", "momentum", "weight_decay")


def test_a_list_changed_later_does_not_change_the_phase():
    """A phase keeps values of its own."""
    values = [1.0, 2.0]
    phase = Phase(lr=values)
    values.append(3.0)
    assert [step["lr"] for step in phase] == [1.0, 2.0]


def test_a_phase_shows_its_settings():
    """Each on a line; long lists are cut."""
    phase = Phase(lr=linspace(0, 1, 3), momentum=0.9, weight_decay=[0.1, 0.2, 0.3])
    assert repr(phase) == (
        "Phase:\n    lr: linspace(0.0, 1.0, 3)\n    momentum: 0.9\n    "
        "weight_decay: (0.1, 0.2, 0.3)"
    )
    assert len(repr(Phase(lr=[0.1] * 10_000))) < 100


def test_a_phase_can_be_copied_and_pickled():
    """Copies take the same course."""
    phase = Phase(lr=cosinespace(0, 1, 3), momentum=[3, 2, 1])
    for other in (copy.deepcopy(phase), pickle.loads(pickle.dumps(phase))):
        assert list(other) == list(phase)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({}, ValueError, "a phase needs at least one setting, such as `lr` or `momentum`"),
        ({"lr": None, "momentum": None}, ValueError, "a phase needs at least one setting"),
        (
            {"lr": 0.1, "momentum": 0.9},
            ValueError,
            "a phase of single numbers has no length: make one of `lr`, `momentum` a sequence",
        ),
        (
            {"lr": [1, 2, 3], "momentum": [1, 2], "weight_decay": 0.1},
            ValueError,
            "the settings of a phase must have equal lengths, but `lr` has 3, `momentum` has 2",
        ),
        ({"lr": []}, ValueError, "`lr` must have at least one value, not none"),
        ({"lr": [1, math.nan]}, ValueError, "`lr[1]` must be finite, not nan"),
        ({"lr": [1, "2"]}, TypeError, "`lr[1]` must be a number, not '2'"),
        ({"lr": "12"}, TypeError, "`lr` must be a number or a sequence of numbers, not '12'"),
        ({"lr": {1.0: 2.0}}, TypeError, "`lr` must be a number or a sequence of numbers, not {"),
        ({"momentum": True}, TypeError, "`momentum` must be a number, not True"),
        ({"momentum": object}, TypeError, "`momentum` must be a number or a sequence"),
    ],
)
def test_a_wrong_setting_is_refused_at_once(settings, error, message):
    """Each message says what was wrong and where."""
    with pytest.raises(error) as caught:
        Phase(**settings)
    assert str(caught.value).startswith(message)


def steps_of(phases):
    return list(OptimizerPolicy(phases).all_steps())


@given(steps=st.integers(1, 300), fraction=st.floats(0, 1))
def test_one_cycle_lasts_as_many_steps_as_asked_for(steps, fraction):
    """Every number of steps and every fraction gives a whole policy within its bounds."""
    phases = one_cycle_phases(steps, finetune_fraction=fraction)
    policy = OptimizerPolicy(phases)
    assert len(policy) == steps == len(list(policy))
    assert all(0.01 <= step["lr"] <= 1 and 0.85 <= step["momentum"] <= 0.95 for step in policy)


def test_one_cycle_is_a_triangle_and_a_tail():
    """The rate goes up, down and out, while the momentum mirrors it and then stays."""
    up, down, tail = one_cycle_phases(100, lr=(0.2, 2), momentum=(0.9, 0.8), finetune_lr=0.05)
    assert [len(up), len(down), len(tail)] == [45, 45, 10]
    assert (up[0], up[-1]) == ({"lr": 0.2, "momentum": 0.9}, {"lr": 2.0, "momentum": 0.8})
    assert (down[0], down[-1]) == (up[-1], up[0])
    assert (tail[0], tail[-1]) == (up[0], {"lr": 0.05, "momentum": 0.9})
    assert {step["momentum"] for step in tail} == {0.9}


@pytest.mark.parametrize(
    ("steps", "fraction", "lengths"),
    [
        (1, 0.1, [1]),
        (2, 0.1, [1, 1]),
        (10, 0.1, [4, 5, 1]),
        (19, 0.1, [9, 9, 1]),
        (10, 0.0, [5, 5]),
        (10, 1.0, [10]),
    ],
)
def test_one_cycle_leaves_out_what_would_last_no_step(steps, fraction, lengths):
    """The edge cases of short policies and of extreme fractions."""
    phases = one_cycle_phases(steps, finetune_fraction=fraction)
    assert [len(phase) for phase in phases] == lengths


@given(length=st.integers(1, 20), cycles=st.integers(1, 6), mult=st.integers(1, 3))
def test_sgdr_lasts_the_sum_of_its_cycles(length, cycles, mult):
    """Each cycle is longer by the factor, starts high and ends low."""
    phases = sgdr_phases(length, cycles, lr=(2, 0.5), cycle_mult=mult)
    assert len(steps_of(phases)) == sum(length * mult**cycle for cycle in range(cycles))
    assert {phase[0]["lr"] for phase in phases} == {2.0}
    assert {phase[-1]["lr"] for phase in phases if len(phase) > 1} <= {0.5}


def test_sgdr_takes_a_fraction_as_factor():
    """Lengths are cut to whole steps."""
    assert [len(phase) for phase in sgdr_phases(4, 3, cycle_mult=1.5)] == [4, 6, 9]
    assert [len(phase) for phase in sgdr_phases(5, 3, cycle_mult=0.5)] == [5, 2, 1]


@given(warmup=st.integers(0, 50), stable=st.integers(0, 50), decay=st.integers(0, 50))
def test_wsd_lasts_as_many_steps_as_asked_for(warmup, stable, decay):
    """It climbs, stays and falls; parts without a step are left out."""
    steps = 1 + warmup + stable + decay
    policy = OptimizerPolicy(
        wsd_phases(steps, (0, 2), warmup_steps=warmup, decay_steps=decay, final_lr=0.5)
    )
    rates = [step["lr"] for step in policy]
    assert len(rates) == steps == len(policy)
    assert rates[:warmup] == list(linspace(0, 2, warmup or 1))[:warmup]
    assert rates[warmup : steps - decay] == [2.0] * (stable + 1)
    assert rates[steps - decay :] == list(linspace(2, 0.5, decay or 1))[:decay]


def test_wsd_leaves_out_what_would_last_no_step():
    """Only a warm-up, only a level, or no level at all."""

    def spaces(steps, **lengths):
        return list(map(str, wsd_phases(steps, (1, 2), **lengths)))

    up, level, down = linspace(1, 2, 3), constant(2, 4), linspace(2, 0, 3)
    assert spaces(3, warmup_steps=3, decay_steps=0) == [str(Phase(lr=up))]
    assert spaces(4, warmup_steps=0, decay_steps=0) == [str(Phase(lr=level))]
    assert spaces(6, warmup_steps=3, decay_steps=3) == [str(Phase(lr=up)), str(Phase(lr=down))]


def test_wsd_falls_along_any_curve():
    """The curve is one of the spaces or any function like them."""
    _, _, down = wsd_phases(
        90, (0, 1), warmup_steps=10, decay_steps=3, final_lr=0.01, decay=expspace
    )
    assert [step["lr"] for step in down] == pytest.approx([1.0, 0.1, 0.01])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"steps": 0}, ValueError, "`steps` must be at least 1, not 0"),
        ({"steps": 2.0}, TypeError, "`steps` must be a whole number, not 2.0"),
        ({"warmup_steps": -1}, ValueError, "`warmup_steps` must be at least 0, not -1"),
        ({"decay_steps": 0.1}, TypeError, "`decay_steps` must be a whole number, not 0.1"),
        (
            {"decay_steps": 8},
            ValueError,
            "3 steps of warm-up and 8 of decay do not fit into 10 steps",
        ),
        ({"lr": 0.1}, TypeError, "`lr` must be two numbers, not 0.1"),
        ({"final_lr": math.nan}, ValueError, "`final_lr` must be finite, not nan"),
        ({"decay": "linear"}, TypeError, "`decay` must be a function such as linspace, not 'line"),
        ({"decay": expspace}, ValueError, "`start` and `end` must both be positive or both be"),
    ],
)
def test_a_wrong_argument_of_wsd_is_refused(arguments, error, message):
    """Each message says what was wrong, what was expected and what came."""
    right = {"steps": 10, "lr": (0, 1), "warmup_steps": 3, "decay_steps": 3}
    with pytest.raises(error) as caught:
        wsd_phases(**{**right, **arguments})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("make", "arguments", "error", "message"),
    [
        (one_cycle_phases, {"steps": 0}, ValueError, "`steps` must be at least 1, not 0"),
        (one_cycle_phases, {"steps": -5}, ValueError, "`steps` must be at least 1, not -5"),
        (one_cycle_phases, {"steps": 1.5}, TypeError, "`steps` must be a whole number, not 1.5"),
        (
            one_cycle_phases,
            {"steps": 9, "finetune_fraction": 1.1},
            ValueError,
            "`finetune_fraction` must be from 0 to 1, not 1.1",
        ),
        (
            one_cycle_phases,
            {"steps": 9, "finetune_fraction": -0.1},
            ValueError,
            "`finetune_fraction` must be from 0 to 1, not -0.1",
        ),
        (
            one_cycle_phases,
            {"steps": 9, "finetune_fraction": math.nan},
            ValueError,
            "`finetune_fraction` must be from 0 to 1, not nan",
        ),
        (one_cycle_phases, {"steps": 9, "lr": 0.1}, TypeError, "`lr` must be two numbers, not 0.1"),
        (one_cycle_phases, {"steps": 9, "lr": (1,)}, ValueError, "`lr` must be two numbers, not 1"),
        (
            one_cycle_phases,
            {"steps": 9, "momentum": (1, None)},
            TypeError,
            "`momentum[1]` must be a number, not None",
        ),
        (
            one_cycle_phases,
            {"steps": 9, "finetune_lr": math.inf},
            ValueError,
            "`finetune_lr` must be finite, not inf",
        ),
        (
            sgdr_phases,
            {"base_cycle_length": 0, "cycles": 1},
            ValueError,
            "`base_cycle_length` must be at least 1, not 0",
        ),
        (
            sgdr_phases,
            {"base_cycle_length": 4, "cycles": 0},
            ValueError,
            "`cycles` must be at least 1, not 0",
        ),
        (
            sgdr_phases,
            {"base_cycle_length": 4, "cycles": 2, "cycle_mult": 0},
            ValueError,
            "`cycle_mult` must be positive, not 0",
        ),
        (
            sgdr_phases,
            {"base_cycle_length": 4, "cycles": 5, "cycle_mult": 0.5},
            ValueError,
            "`cycle_mult` 0.5 leaves cycle 4 of 5 without a step",
        ),
    ],
)
def test_a_wrong_argument_of_a_policy_is_refused(make, arguments, error, message):
    """Each message says what was wrong, what was expected and what came."""
    with pytest.raises(error) as caught:
        make(**arguments)
    assert str(caught.value).startswith(message)
