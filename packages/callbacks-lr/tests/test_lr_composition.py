# SPDX-License-Identifier: MIT
import logging
import math

import pytest
import torch
from torch.optim import lr_scheduler

import callbacks_lr
from callbacks_core import SimpleModel, TrainingLoop
from callbacks_core.testing import play
from callbacks_lr import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

STEPS = 20


def make_optimizer(lr=0.1, **options):
    weights = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    parts = [{"params": [weight], "lr": lr / (n + 1)} for n, weight in enumerate(weights)]
    return torch.optim.SGD(parts, lr=lr, **{"momentum": 0.5, **options})


def by_hand(make, steps=STEPS):
    """Return the rates of each group under a scheduler of torch's."""
    optimizer = make_optimizer()
    scheduler = make(optimizer)
    rows = []
    for _ in range(steps):
        rows.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return [list(curve) for curve in zip(*rows, strict=True)]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("LambdaLR", {"lr_lambda": [math.exp, lambda step: 0.5**step]}),
        ("MultiplicativeLR", {"lr_lambda": lambda step: 0.9}),
        ("StepLR", {"step_size": 3, "gamma": 0.3}),
        ("MultiStepLR", {"milestones": (2, 7), "gamma": 0.3}),
        ("ExponentialLR", {"gamma": 0.8}),
        ("CosineAnnealingLR", {"T_max": 9, "eta_min": 0.02}),
        ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2, "eta_min": 0.02}),
        ("LinearLR", {"start_factor": 0.2, "end_factor": 0.9, "total_iters": 7}),
        ("ConstantLR", {"factor": 0.2, "total_iters": 7}),
        ("PolynomialLR", {"total_iters": 12, "power": 1.5}),
        (
            "CyclicLR",
            {
                "base_lr": [0.1, 0.2],
                "max_lr": [1.0, 2.0],
                "step_size_up": 3,
                "step_size_down": 4,
                "mode": "exp_range",
                "gamma": 0.9,
                "base_momentum": 0.7,
                "max_momentum": 0.8,
            },
        ),
        ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 3, "mode": "triangular2"}),
        (
            "CyclicLR",
            {
                "base_lr": 0.1,
                "max_lr": 0.5,
                "step_size_up": 3,
                "scale_fn": lambda x: 1 / (1 + x),
                "scale_mode": "iterations",
                "cycle_momentum": False,
            },
        ),
        (
            "OneCycleLR",
            {
                "max_lr": [0.1, 0.3],
                "epochs": 4,
                "steps_per_epoch": 5,
                "pct_start": 0.4,
                "anneal_strategy": "linear",
                "base_momentum": 0.7,
                "max_momentum": 0.9,
                "div_factor": 10.0,
                "final_div_factor": 100.0,
                "three_phase": True,
            },
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_every_argument_reaches_torch(name, arguments):
    """The preview is the curve of torch's own scheduler with the same arguments."""
    ours = getattr(callbacks_lr, name)(**arguments)
    theirs = by_hand(lambda optimizer: getattr(lr_scheduler, name)(optimizer, **arguments))
    assert ours.preview(steps=STEPS, optimizer=make_optimizer()) == theirs


def test_a_sequence_is_torchs_own():
    """Simple parts one after the other give what torch's own gives."""

    def theirs(optimizer):
        parts = [
            lr_scheduler.LinearLR(optimizer, 0.2, total_iters=4),
            lr_scheduler.CosineAnnealingLR(optimizer, 6),
            lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 2),
            lr_scheduler.ExponentialLR(optimizer, 0.9),
        ]
        return lr_scheduler.SequentialLR(optimizer, parts, [4, 9, 15])

    ours = SequentialLR(
        [
            LinearLR(0.2, total_iters=4),
            CosineAnnealingLR(6),
            callbacks_lr.CosineAnnealingWarmRestarts(2),
            ExponentialLR(0.9),
        ],
        [4, 9, 15],
    )
    assert ours.preview(steps=STEPS, optimizer=make_optimizer()) == by_hand(theirs)


def test_a_chain_is_torchs_own():
    """Simple parts on top of each other give what torch's own gives, chains in chains too."""

    def theirs(optimizer):
        inner = lr_scheduler.ChainedScheduler(
            [
                lr_scheduler.ConstantLR(optimizer, 0.5, 4),
                lr_scheduler.ExponentialLR(optimizer, 0.9),
            ]
        )
        return lr_scheduler.ChainedScheduler([inner, lr_scheduler.StepLR(optimizer, 5)])

    ours = ChainedScheduler([ChainedScheduler([ConstantLR(0.5, 4), ExponentialLR(0.9)]), StepLR(5)])
    assert ours.preview(steps=STEPS, optimizer=make_optimizer()) == by_hand(theirs)


def test_what_is_nested_keeps_its_shape():
    """A composed part runs from its milestone as it would alone from the start."""
    optimizer = make_optimizer()
    sequence = SequentialLR([LinearLR(total_iters=2), ExponentialLR(0.5)], [2])
    chain = ChainedScheduler([ConstantLR(0.5, 2), ExponentialLR(0.9)])
    for inner in (sequence, chain):
        alone = inner.preview(steps=6, optimizer=optimizer)
        first = SequentialLR([inner, StepLR(9)], [6])
        later = SequentialLR([PolynomialLR(9), inner], [3])
        twice = SequentialLR([PolynomialLR(9), later], [4])
        for curve, whole in zip(alone, first.preview(steps=6, optimizer=optimizer), strict=True):
            assert whole == curve
        for curve, whole in zip(alone, later.preview(steps=9, optimizer=optimizer), strict=True):
            assert whole[3:] == curve
        for curve, whole in zip(alone, twice.preview(steps=13, optimizer=optimizer), strict=True):
            assert whole[7:] == curve


def test_parts_agree_on_what_they_step_on():
    """The whole steps on what its parts step on, or on what it is told."""
    cycle = OneCycleLR(0.1, 10)
    assert SequentialLR([cycle], []).step_on == "batch"
    assert ChainedScheduler([StepLR(1), ExponentialLR(0.5)]).step_on == "epoch"
    with pytest.raises(
        ValueError, match=r"OneCycleLR on 'batch', StepLR on 'epoch'.*pass `step_on`"
    ):
        SequentialLR([cycle, StepLR(1)], [5])
    assert SequentialLR([cycle, StepLR(1)], [5], step_on="epoch").step_on == "epoch"


def run(schedule, epochs, batches, **options):
    optimizer = make_optimizer()
    rates = []
    with TrainingLoop(torch.nn.Linear(1, 1), optimizer, callbacks=schedule) as loop:
        for epoch in loop.epochs(epochs, **options):
            for _ in epoch.train(range(batches)):
                rates.append(optimizer.param_groups[0]["lr"])
                optimizer.step()
                loop.log(loss=0.0, size=1)
    return rates


@pytest.mark.parametrize("step_on", ["epoch", "batch"])
def test_a_cycle_takes_its_length_from_the_run(step_on):
    """Without a total, one cycle is the whole run."""
    rates = run(OneCycleLR(0.1, step_on=step_on), 4, 5, steps=5)
    steps = 20 if step_on == "batch" else 4
    expected = by_hand(lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.1, steps), steps)[0]
    assert rates[:: 20 // steps] == expected
    nested = SequentialLR([LinearLR(total_iters=2), OneCycleLR(0.1)], [2], step_on="batch")
    assert run(nested, 2, 5, steps=5)[-1] == pytest.approx(0.1 / 25 / 1e4)


def test_a_run_of_unknown_length_is_told_at_its_start():
    """The fix is named; nothing fails at a later step."""
    model = SimpleModel(torch.nn.Linear(1, 1), make_optimizer())
    with pytest.raises(ValueError, match=r"takes its number of steps from the run, .*total_steps"):
        run(OneCycleLR(0.1), 4, 5)
    assert play(OneCycleLR(0.1), [{}], model=model).history


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        (
            OneCycleLR(0.1, 16, step_on="epoch"),
            "OneCycleLR is made for 16 steps, but this run has 4 of them (4 epochs of 4 batches): "
            'it will not come to its end; step_on="batch" would fit',
        ),
        (
            OneCycleLR(0.1, 10),
            "OneCycleLR is made for 10 steps, but this run has 16 of them (4 epochs of 4 batches): "
            "past its end the learning rate stays where it is",
        ),
        (
            CosineAnnealingLR(3),
            "CosineAnnealingLR is made for 3 steps, but this run has 4 of them (4 epochs of 4 "
            "batches): past its end the learning rate rises again",
        ),
        (
            SequentialLR([LinearLR(total_iters=2), CosineAnnealingLR(8)], [2]),
            "SequentialLR is made for 10 steps, but this run has 4 of them (4 epochs of 4 "
            "batches): it will not come to its end",
        ),
        (LinearLR(total_iters=2), None),
        (CosineAnnealingLR(4), None),
        (OneCycleLR(0.1, 16), None),
        (OneCycleLR(0.1), None),
        (StepLR(99), None),
    ],
)
def test_a_schedule_that_does_not_fit_the_run_is_told(schedule, told, caplog):
    """With the numbers, when training begins; and the run goes on to its end."""
    with caplog.at_level(logging.WARNING, logger="callbacks_lr"):
        assert len(run(schedule, 4, 4, steps=4)) == 16
    assert caplog.messages == ([] if told is None else [told])


def test_a_misfit_is_told_by_one_process(caplog, monkeypatch):
    """Of several that train together the first one tells it."""
    monkeypatch.setenv("RANK", "1")
    with caplog.at_level(logging.WARNING, logger="callbacks_lr"):
        run(OneCycleLR(0.1, 7), 1, 4, steps=4)
    assert caplog.messages == []


def test_a_cycle_stays_at_its_end():
    """Where torch's own raises, the rate stays the last one."""
    rates = run(OneCycleLR(0.1, 10), 4, 4)
    assert rates[9:] == [pytest.approx(0.1 / 25 / 1e4)] * 7


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: LambdaLR(3), TypeError, "`lr_lambda` must be a function, not 3"),
        (lambda: MultiplicativeLR([]), ValueError, "`lr_lambda` must have a function for each"),
        (lambda: MultiStepLR([3, 2]), ValueError, "`milestones` must be in ascending order, not"),
        (lambda: MultiStepLR(3), TypeError, "`milestones` must be a list of whole numbers, not 3"),
        (lambda: MultiStepLR([-1]), ValueError, "`milestones` must be at least 0, not -1"),
        (lambda: ExponentialLR(-1), ValueError, "`gamma` must be at least 0, not -1"),
        (lambda: CosineAnnealingLR(0), ValueError, "`T_max` must be at least 1, not 0"),
        (lambda: ConstantLR(0), ValueError, "`factor` must be more than 0 and at most 1, not 0"),
        (lambda: LinearLR(2), ValueError, "`start_factor` must be more than 0 and at most 1"),
        (lambda: LinearLR(total_iters=0), ValueError, "`total_iters` must be at least 1, not 0"),
        (lambda: PolynomialLR(0), ValueError, "`total_iters` must be at least 1"),
        (lambda: CyclicLR(0.1, 0.01), ValueError, "`base_lr` must not be above `max_lr`"),
        (lambda: CyclicLR([0.1, 0.2], [0.15]), ValueError, "`base_lr` must not be above"),
        (
            lambda: CyclicLR(0.01, 0.1, base_momentum=0.95),
            ValueError,
            "`base_momentum` must not be above `max_momentum`",
        ),
        (lambda: CyclicLR(0.1, -1), ValueError, "`max_lr` must be at least 0, not -1"),
        (lambda: CyclicLR(0.1, 1, mode="triangle"), ValueError, "`mode` must be one of"),
        (lambda: OneCycleLR(0.1, 0), ValueError, "`total_steps` must be at least 1, not 0"),
        (lambda: OneCycleLR(0.1, epochs=3), ValueError, "pass both `epochs` and `steps_per_epoch`"),
        (lambda: OneCycleLR(0.1, 9, pct_start=2), ValueError, "`pct_start` must be at least 0 and"),
        (lambda: OneCycleLR(0.1, 9, div_factor=0), ValueError, "`div_factor` must be more than 0"),
        (lambda: OneCycleLR(0.1, 2, pct_start=0.5), ValueError, "a OneCycleLR with pct_start=0.5"),
        (lambda: SequentialLR([], []), ValueError, "SequentialLR needs at least one schedule"),
        (lambda: SequentialLR([StepLR], []), TypeError, "schedulers[0] must be a schedule"),
        (lambda: SequentialLR(StepLR(1), []), TypeError, "SequentialLR takes a list of schedules"),
        (
            lambda: SequentialLR([StepLR(1), StepLR(1)], []),
            ValueError,
            "`milestones` must have one value fewer than there are schedules, 1, not 0",
        ),
        (
            lambda: SequentialLR([StepLR(1)] * 3, [5, 5]),
            ValueError,
            "`milestones` must differ from each other, not [5, 5]",
        ),
        (
            lambda: ChainedScheduler([ReduceLROnPlateau()]),
            ValueError,
            "ChainedScheduler cannot have a part that follows a value in the logs",
        ),
        (lambda: StepLR(1).preview(steps=0), ValueError, "`steps` must be at least 1, not 0"),
        (
            lambda: ReduceLROnPlateau().preview(steps=3),
            ValueError,
            "ReduceLROnPlateau follows 'val_loss': pass `values` of it, at least 2 for 3 steps",
        ),
    ],
)
def test_a_wrong_argument_is_refused(make, error, message):
    """At construction, with what was wrong, what was expected and what came."""
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value).startswith(message)


def test_a_preview_touches_nothing():
    """Neither the schedule nor the optimizer, whose kind and groups count, are changed by it."""
    optimizer = torch.optim.AdamW([{"params": [torch.ones(1)]}, {"params": [torch.ones(2)]}])
    before = repr(optimizer.state_dict())
    schedule = OneCycleLR([0.1, 0.2])
    first, second = schedule.preview(steps=10, optimizer=optimizer)
    assert second == [2 * value for value in first]
    assert repr(optimizer.state_dict()) == before
    assert "step" not in vars(optimizer)
    assert schedule.state_dict() == {}
    assert schedule.preview(steps=10, optimizer=optimizer) == [first, second]


def test_a_preview_without_an_optimizer_shows_factors():
    """One group with a learning rate of 1; a schedule with a monitor is told its values."""
    assert StepLR(2, 0.5).preview(steps=5) == [[1.0, 1.0, 0.5, 0.5, 0.25]]
    plateau = ReduceLROnPlateau(patience=0, factor=0.5)
    assert plateau.preview(steps=4, values=[1.0, 2.0, 0.5]) == [[1.0, 1.0, 0.5, 0.5]]
