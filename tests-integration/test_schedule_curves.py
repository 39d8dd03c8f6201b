# SPDX-License-Identifier: MIT
"""Every schedule and every policy trains for real, and what is logged is what was previewed."""

from __future__ import annotations

import csv
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import callbacks_lr
from callbacks_core import Callback, Logs, TrainingLoop
from callbacks_logging import CSVLogger
from callbacks_lr import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRMonitor,
    LRSchedulerCallback,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
    Warmup,
    WarmupStableDecay,
    plot_schedule,
)
from callbacks_policies import (
    OptimizerPolicy,
    Phase,
    cosinespace,
    expspace,
    one_cycle_phases,
    polyspace,
    sgdr_phases,
    wsd_phases,
)
from callbacks_trainer import Model

Batches = list[tuple[Tensor, Tensor]]
Train = Callable[[Model, Batches, list[Callback]], None]

EPOCHS = 4
STEPS = 20

SCHEDULES: dict[str, Callable[..., LRSchedulerCallback]] = {
    "ChainedScheduler": lambda **on: ChainedScheduler([ConstantLR(0.5, 2), StepLR(3)], **on),
    "ConstantLR": lambda **on: ConstantLR(0.5, 2, **on),
    "CosineAnnealingLR": lambda **on: CosineAnnealingLR(7, **on),
    "CosineAnnealingWarmRestarts": lambda **on: CosineAnnealingWarmRestarts(2, 2, **on),
    "CyclicLR": lambda **on: CyclicLR(0.01, 0.1, 3, **on),
    "ExponentialLR": lambda **on: ExponentialLR(0.9, **on),
    "LambdaLR": lambda **on: LambdaLR(lambda step: 1 / (1 + step), **on),
    "LinearLR": lambda **on: LinearLR(0.1, total_iters=9, **on),
    "MultiStepLR": lambda **on: MultiStepLR([1, 3, 7], **on),
    "MultiplicativeLR": lambda **on: MultiplicativeLR(lambda step: 0.95, **on),
    "OneCycleLR": lambda **on: OneCycleLR(0.2, 20, **on),
    "PolynomialLR": lambda **on: PolynomialLR(9, 2.0, **on),
    "ReduceLROnPlateau": lambda **on: ReduceLROnPlateau(patience=0, monitor="loss", **on),
    "SequentialLR": lambda **on: SequentialLR(
        [LinearLR(total_iters=2), CosineAnnealingLR(9)], [2], **on
    ),
    "StepLR": lambda **on: StepLR(2, 0.5, **on),
    "Warmup": lambda **on: Warmup(then=CosineAnnealingLR(9, **on), steps=2),
    "WarmupStableDecay": lambda **on: WarmupStableDecay(
        warmup_steps=2, decay_steps=3, total_steps=15, **on
    ),
}

POLICIES: dict[str, Callable[[], OptimizerPolicy]] = {
    "one cycle": lambda: OptimizerPolicy(one_cycle_phases(18)),
    "sgdr": lambda: OptimizerPolicy(sgdr_phases(3, 3)),
    "wsd": lambda: OptimizerPolicy(wsd_phases(20, (0.01, 0.1), warmup_steps=4, decay_steps=5)),
    "curves": lambda: OptimizerPolicy(
        [Phase(lr=cosinespace(0.1, 0.01, 8)), Phase(lr=expspace(0.1, 0.001, 5)),
         Phase(lr=polyspace(0.1, 0.0, 7))]
    ),
    "resumed": lambda: OptimizerPolicy(one_cycle_phases(30), initial_step=12),
}  # fmt: skip


class Logged(Callback):
    """Keeps the learning rates and the losses that it finds in the logs of batches."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Keep."""
        self.rates.append(logs["lr"])


def by_model(model: Model, batches: Batches, callbacks: list[Callback]) -> None:
    """Train with the trainer."""
    model.fit_generator(batches, epochs=EPOCHS, verbose=False, callbacks=callbacks)


def by_hand(model: Model, batches: Batches, callbacks: list[Callback]) -> None:
    """Train in a loop of one's own."""
    network, optimizer = model.network, model.optimizer
    assert optimizer is not None
    with TrainingLoop(network, optimizer, callbacks=callbacks) as loop:
        for epoch in loop.epochs(EPOCHS):
            for x, y in epoch.train(batches):
                loss = torch.nn.functional.cross_entropy(network(x), y)
                optimizer.zero_grad()
                loss.backward()
                loop.backward_end()
                optimizer.step()
                loop.log(loss=loss)


def columns(path: Path, *names: str) -> list[tuple[float, ...]]:
    """Return some columns of a log."""
    with open(path, newline="", encoding="utf-8") as file:
        return [tuple(float(row[name]) for name in names) for row in csv.DictReader(file)]


both_ways = pytest.mark.parametrize("train", [by_model, by_hand])


def test_every_schedule_is_here() -> None:
    """A new one needs a line above."""
    public = {name: getattr(callbacks_lr, name) for name in callbacks_lr.__all__}
    classes = {
        name
        for name, value in public.items()
        if inspect.isclass(value)
        and issubclass(value, LRSchedulerCallback)
        and not inspect.isabstract(value)
    }
    assert set(SCHEDULES) == classes


@both_ways
@pytest.mark.parametrize("name", SCHEDULES)
def test_the_log_of_epochs_is_the_preview(
    name: str, train: Train, make_model: Callable[[], Model], batches: Batches, tmp_path: Path
) -> None:
    """Stepping on epochs, the file of the logger has the curve."""
    model, path = make_model(), tmp_path / "log.csv"
    schedule = SCHEDULES[name](step_on="epoch")
    before = make_model().optimizer
    train(model, batches, [schedule, CSVLogger(path)])
    losses, logged = zip(*columns(path, "loss", "lr"), strict=True)
    options: dict[str, Any] = {"values": losses} if schedule.monitor else {}
    [curve] = schedule.preview(steps=EPOCHS, optimizer=before, **options)
    assert list(logged) == curve


@both_ways
@pytest.mark.parametrize("name", sorted({*SCHEDULES} - {"ReduceLROnPlateau"}))
def test_the_log_of_batches_is_the_preview(
    name: str, train: Train, make_model: Callable[[], Model], batches: Batches
) -> None:
    """Stepping on batches, each batch has its rate in the logs."""
    schedule, logged = SCHEDULES[name](step_on="batch"), Logged()
    train(make_model(), batches, [schedule, LRMonitor(batches=True), logged])
    [curve] = schedule.preview(steps=STEPS, optimizer=make_model().optimizer)
    assert logged.rates == curve


@both_ways
@pytest.mark.parametrize("name", POLICIES)
def test_the_log_of_a_policy_is_its_preview(
    name: str, train: Train, make_model: Callable[[], Model], batches: Batches
) -> None:
    """Each step of the optimizer has its rate in the logs."""
    policy, logged = POLICIES[name](), Logged()
    train(make_model(), batches, [policy, LRMonitor(batches=True), logged])
    [curve] = policy.preview(steps=STEPS, optimizer=make_model().optimizer)
    assert logged.rates == curve


def test_schedules_and_policies_are_drawn_together() -> None:
    """On one pair of axes, a line for each parameter group."""
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib import pyplot

    weights = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    optimizer = torch.optim.SGD([{"params": [weight]} for weight in weights], lr=0.5, momentum=0.9)
    policy = OptimizerPolicy(one_cycle_phases(9), group=1)
    axes = plot_schedule(StepLR(3), policy, steps=12, optimizer=optimizer)
    assert [line.get_label() for line in axes.lines] == [
        "StepLR, group 0",
        "StepLR, group 1",
        "OptimizerPolicy, group 0",
        "OptimizerPolicy, group 1",
    ]
    assert [list(line.get_ydata()) for line in axes.lines[2:]] == policy.preview(
        steps=12, optimizer=optimizer
    )
    pyplot.close(axes.figure)
