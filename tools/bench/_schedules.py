# SPDX-License-Identifier: MIT
"""What a schedule or a policy costs a step, beyond the step of torch's own scheduler."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Final, TypeAlias

import torch
from torch.optim import SGD, Optimizer, lr_scheduler

from callbacks_core import Callback, CallbackList, SimpleModel
from callbacks_lr import CosineAnnealingLR, OneCycleLR, StepLR
from callbacks_policies import OptimizerPolicy, Phase, linspace, one_cycle_phases

_STEPS: Final = 50
_Make: TypeAlias = tuple[Callable[[], Callback], Callable[[Optimizer], lr_scheduler.LRScheduler]]
_SCHEDULES: Final[dict[str, _Make]] = {
    "StepLR": (
        lambda: StepLR(1000, step_on="batch"),
        lambda optimizer: lr_scheduler.StepLR(optimizer, 1000),
    ),
    "CosineAnnealingLR": (
        lambda: CosineAnnealingLR(10**6, step_on="batch"),
        lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 10**6),
    ),
    "OneCycleLR": (
        lambda: OneCycleLR(0.1, 10**6),
        lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.1, 10**6),
    ),
    "OptimizerPolicy, to LinearLR": (
        lambda: OptimizerPolicy([Phase(lr=linspace(0.1, 1, 10**6))]),
        lambda optimizer: lr_scheduler.LinearLR(optimizer, 0.1, 1.0, 10**6),
    ),
    "OptimizerPolicy, to OneCycleLR": (
        lambda: OptimizerPolicy(one_cycle_phases(10**6)),
        lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.1, 10**6),
    ),
}


def measure(rounds: int = 400) -> dict[str, tuple[float, float]]:
    """Return for each schedule the microseconds of torch's own step, and ours beyond it."""
    found = {}
    for name, (ours_of, theirs_of) in _SCHEDULES.items():
        loops = (_optimizer_alone(), _by_hand(theirs_of), _as_callback(ours_of()))
        # In turn, in blocks of a millisecond. What disturbs a block only ever makes it slower, so
        # the quickest ones are the truest.
        times = [[_microseconds(loop) for loop in loops] for _ in range(rounds)]
        nothing, torchs, ours = (
            sorted(column)[rounds // 20] for column in zip(*times, strict=True)
        )
        found[name] = (torchs - nothing, ours - torchs)
    return found


def preview_seconds() -> float:
    """Return the seconds that the preview of a million steps takes."""
    policy = OptimizerPolicy(one_cycle_phases(10**6))
    begin = perf_counter()
    policy.preview()
    return perf_counter() - begin


def _optimizer() -> Optimizer:
    return SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)


def _optimizer_alone() -> Callable[[], None]:
    optimizer = _optimizer()

    def step() -> None:
        optimizer.step()

    return step


def _by_hand(make: Callable[[Optimizer], lr_scheduler.LRScheduler]) -> Callable[[], None]:
    optimizer = _optimizer()
    scheduler = make(optimizer)

    def step() -> None:
        optimizer.step()
        scheduler.step()

    return step


def _as_callback(schedule: Callback) -> Callable[[], None]:
    optimizer = _optimizer()
    callbacks = CallbackList([schedule])
    callbacks.set_model(SimpleModel(torch.nn.Linear(1, 1), optimizer))
    callbacks.on_train_begin({})
    begin, end = callbacks.hook("on_train_batch_begin"), callbacks.hook("on_train_batch_end")
    assert end is not None
    logs: dict[str, float] = {}

    def step() -> None:
        if begin is not None:
            begin(1, logs)
        optimizer.step()
        end(1, logs)

    return step


def _microseconds(step: Callable[[], None]) -> float:
    begin = perf_counter()
    for _ in range(_STEPS):
        step()
    return (perf_counter() - begin) / _STEPS * 1e6
