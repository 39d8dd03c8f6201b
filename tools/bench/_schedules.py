# SPDX-License-Identifier: MIT
"""What a schedule per batch costs a step, beyond the step of torch's own scheduler."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Final, TypeAlias

import torch
from torch.optim import SGD, Optimizer, lr_scheduler

from callbacks_core import CallbackList, SimpleModel
from callbacks_lr import CosineAnnealingLR, LRSchedulerCallback, OneCycleLR, StepLR

_STEPS: Final = 1000
_Make: TypeAlias = tuple[
    Callable[[], LRSchedulerCallback], Callable[[Optimizer], lr_scheduler.LRScheduler]
]
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
}


def measure(rounds: int = 40) -> dict[str, tuple[float, float]]:
    """Return for each schedule the microseconds of torch's own step, and ours beyond it."""
    found = {}
    for name, (ours_of, theirs_of) in _SCHEDULES.items():
        nothing, torchs, ours = [], [], []
        for _ in range(rounds):  # in turn, so that what disturbs one disturbs the others too
            nothing.append(_microseconds(_optimizer_alone()))
            torchs.append(_microseconds(_by_hand(theirs_of)))
            ours.append(_microseconds(_as_callback(ours_of())))
        # What disturbs a loop only ever makes it slower, so the quickest one is the truest.
        found[name] = (min(torchs) - min(nothing), min(ours) - min(torchs))
    return found


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


def _as_callback(schedule: LRSchedulerCallback) -> Callable[[], None]:
    optimizer = _optimizer()
    callbacks = CallbackList([schedule])
    callbacks.set_model(SimpleModel(torch.nn.Linear(1, 1), optimizer))
    callbacks.on_train_begin({})
    end = callbacks.hook("on_train_batch_end")
    assert end is not None
    logs: dict[str, float] = {}

    def step() -> None:
        optimizer.step()
        end(1, logs)

    return step


def _microseconds(step: Callable[[], None]) -> float:
    begin = perf_counter()
    for _ in range(_STEPS):
        step()
    return (perf_counter() - begin) / _STEPS * 1e6
