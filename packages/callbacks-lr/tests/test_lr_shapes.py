# SPDX-License-Identifier: MIT
import builtins
import copy
import pickle

import pytest
import torch

from callbacks_core import Callback, TrainingLoop
from callbacks_core.testing import play
from callbacks_lr import (
    CosineAnnealingLR,
    ExponentialLR,
    LRMonitor,
    OneCycleLR,
    ReduceLROnPlateau,
    StepLR,
    Warmup,
    WarmupStableDecay,
    plot_schedule,
)


def make_optimizer(kind=torch.optim.SGD, groups=2, **options):
    weights = [torch.nn.Parameter(torch.ones(2)) for _ in range(groups)]
    parts = [{"params": [weight], "lr": 0.1 / (n + 1)} for n, weight in enumerate(weights)]
    return kind(parts, lr=0.1, **options)


class Batches(Callback):
    """Keeps the logs of the batches."""

    def __init__(self):
        self.logs = []

    def on_train_batch_end(self, batch_number, logs):
        self.logs.append(dict(logs))


def run(callbacks, epochs=3, batches=4, optimizer=None):
    """Train, and return the history and the first group's rate at each step."""
    optimizer = make_optimizer() if optimizer is None else optimizer
    rates = []
    with TrainingLoop(torch.nn.Linear(1, 1), optimizer, callbacks=callbacks) as loop:
        for epoch in loop.epochs(epochs, steps=batches):
            for _ in epoch.train(range(batches)):
                rates.append(float(optimizer.param_groups[0]["lr"]))
                optimizer.step()
                loop.log(loss=1.0, size=1)
    return loop.history, rates


def test_a_warm_up_rises_to_the_first_rate_and_goes_on_from_there():
    """In equal parts, none of them zero; the schedule's own steps begin after it."""
    alone = ExponentialLR(0.5).preview(steps=3)[0]
    warm = Warmup(then=ExponentialLR(0.5), steps=4).preview(steps=7)[0]
    assert warm[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert warm[4:] == alone
    assert Warmup(then=StepLR(9), steps=2, start_factor=0).preview(steps=3)[0] == [0, 0.5, 1]


def test_a_warm_up_goes_to_where_the_schedule_begins():
    """That is not always the optimizer's own rate; each group has its own."""
    warm = Warmup(then=OneCycleLR([0.1, 0.2]), steps=3, start_factor=0.0)
    first, second = warm.preview(steps=10, optimizer=make_optimizer(momentum=0.9))
    begin = 0.1 / 25
    assert first[:4] == pytest.approx([0, begin / 3, 2 * begin / 3, begin])
    assert first[3:] == OneCycleLR(0.1).preview(steps=7)[0]
    assert second == pytest.approx([2 * value for value in first])


def test_a_warm_up_goes_around_a_schedule_with_a_monitor():
    """What it sees in the warm-up does not count."""
    warm = Warmup(then=ReduceLROnPlateau(patience=0, factor=0.5, monitor="loss"), steps=2)
    assert warm.step_on == "epoch"
    _, rates = run(warm, epochs=5, batches=1)
    assert rates == pytest.approx([0.1 / 3, 0.2 / 3, 0.1, 0.1, 0.05])


def test_a_warm_up_takes_its_place_in_the_run():
    """A schedule that takes its length from the run gets the rest of it."""
    _, rates = run(Warmup(then=OneCycleLR(0.1), steps=4), optimizer=make_optimizer(momentum=0.9))
    assert rates[4:] == OneCycleLR(0.1).preview(steps=8)[0]


@pytest.mark.parametrize(
    ("shape", "fall"),
    [
        ("linear", [1, 0.75, 0.5, 0.25]),
        ("cosine", [1, 0.8535534, 0.5, 0.1464466]),
        ("sqrt", [1, 0.5, 0.2928932, 0.1339746]),
    ],
)
def test_a_rate_rises_stays_and_falls(shape, fall):
    """Up in equal parts, level, and down to nothing when the run is over."""
    schedule = WarmupStableDecay(warmup_steps=3, decay_steps=4, shape=shape)
    assert schedule.preview(steps=12)[0] == pytest.approx([0.25, 0.5, 0.75, *[1] * 5, *fall])
    _, rates = run(schedule)
    assert rates == pytest.approx([0.1 * factor for factor in schedule.preview(steps=12)[0]])
    stays = WarmupStableDecay(warmup_steps=0, decay_steps=2, total_steps=4, final_factor=0.1)
    assert stays.preview(steps=7)[0] == pytest.approx([1, 1, 1, 0.55, 0.1, 0.1, 0.1])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Warmup(then=StepLR, steps=3), TypeError, "`then` must be a schedule of callbacks"),
        (lambda: Warmup(then=StepLR(1), steps=0), ValueError, "`steps` must be at least 1, not 0"),
        (lambda: Warmup(then=StepLR(1), steps=1, start_factor=2), ValueError, "`start_factor` mus"),
        (
            lambda: WarmupStableDecay(warmup_steps=-1, decay_steps=1),
            ValueError,
            "`warmup_steps` must be at least 0, not -1",
        ),
        (
            lambda: WarmupStableDecay(warmup_steps=5, decay_steps=6, total_steps=10),
            ValueError,
            "5 steps of warm-up and 6 of decay do not fit into 10 steps",
        ),
        (
            lambda: WarmupStableDecay(warmup_steps=5, decay_steps=6, shape="sqr"),
            ValueError,
            "`shape` must be one of 'linear', 'cosine', 'sqrt', not 'sqr'; did you mean 'sqrt'?",
        ),
        (lambda: LRMonitor(batches=3), TypeError, "`batches` must be True or False, not 3"),
        (lambda: plot_schedule(steps=3), ValueError, "plot_schedule needs at least one schedule"),
    ],
)
def test_a_wrong_argument_of_a_shape_is_refused(make, error, message):
    """At construction, with what was wrong, what was expected and what came."""
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value).startswith(message)


def test_rates_are_in_the_history_as_the_optimizer_stepped_with_them():
    """Wherever the schedule stands; with several groups each has a name."""
    for order in (0, 1):
        callbacks = [LRMonitor()]
        callbacks.insert(order, StepLR(1, gamma=0.5))
        history, _ = run(callbacks, optimizer=make_optimizer(groups=1, momentum=0.9))
        assert [(logs["lr"], logs["momentum"]) for logs in history] == [
            (0.1, 0.9),
            (0.05, 0.9),
            (0.025, 0.9),
        ]
        assert all(logs["weight_decay"] == 0 for logs in history)
    history, _ = run(LRMonitor(), optimizer=make_optimizer(torch.optim.AdamW, betas=(0.8, 0.9)))
    added = {name: value for name, value in history[-1].items() if "_group_" in name}
    assert added == {
        "lr_group_0": 0.1,
        "momentum_group_0": 0.8,
        "weight_decay_group_0": 0.01,
        "lr_group_1": 0.05,
        "momentum_group_1": 0.8,
        "weight_decay_group_1": 0.01,
    }


def test_the_last_step_of_an_epoch_counts():
    """A schedule per batch has moved on by then, and the momentum of a cycle with it."""
    seen = Batches()
    cycle = OneCycleLR(0.1)
    optimizer = make_optimizer(groups=1, momentum=0.9)
    history, rates = run([cycle, LRMonitor(batches=True), seen], optimizer=optimizer)
    assert [logs["lr"] for logs in seen.logs] == rates
    assert [logs["lr"] for logs in history] == rates[3::4]
    assert len({logs["momentum"] for logs in history}) == 3


def test_a_monitor_listens_to_batches_only_when_asked_and_lets_go():
    """It costs nothing per batch otherwise, keeps no optimizer, and can be copied."""
    monitor, optimizer = LRMonitor(), make_optimizer()
    assert not monitor.listens_to("on_train_batch_end")
    assert LRMonitor(batches=True).listens_to("on_train_batch_end")
    run(monitor, optimizer=optimizer)
    assert not optimizer._optimizer_step_pre_hooks
    for copied in (copy.deepcopy(monitor), pickle.loads(pickle.dumps(monitor))):
        assert "lr_group_0" in run(copied)[0][0]
    assert play(monitor, [{}]).history == [{"epoch": 1, "time": 0.0, "loss": 0.0}]


def test_a_rate_that_is_a_tensor_is_monitored():
    """It is changed in place, and what is logged is not."""
    rate = torch.tensor(0.5)
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.Adam([weight], lr=rate)
    history, _ = run([LRMonitor(), StepLR(1, 0.5)], optimizer=optimizer)
    assert [logs["lr"] for logs in history] == [0.5, 0.25, 0.125]


def test_schedules_are_drawn_together():
    """One line for each schedule and parameter group, on the axes given or on new ones."""
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib import pyplot

    axes = plot_schedule(StepLR(2), CosineAnnealingLR(9), steps=9)
    assert [line.get_label() for line in axes.lines] == ["StepLR", "CosineAnnealingLR"]
    assert list(axes.lines[0].get_ydata()) == StepLR(2).preview(steps=9)[0]
    again = plot_schedule(StepLR(2), steps=9, optimizer=make_optimizer(), ax=axes)
    assert again is axes
    assert [line.get_label() for line in axes.lines[2:]] == [
        "StepLR, group 0",
        "StepLR, group 1",
    ]
    pyplot.close(axes.figure)


def test_without_matplotlib_the_fix_is_named(monkeypatch):
    """Importing this package does not import it, and the error says what to install."""
    found = builtins.__import__

    def without(name, *arguments):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return found(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "callbacks-lr\[plot\]"'):
        plot_schedule(StepLR(1), steps=3)
