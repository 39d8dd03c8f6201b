# SPDX-License-Identifier: MIT
"""What clipping by the norm takes, in relation to torch's own function."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Final

import torch
from torch.nn.utils import clip_grad_norm_

from callbacks_core import CallbackList, SimpleModel
from callbacks_policies import ClipNorm

_TENSORS: Final = {10: 50, 1000: 2}
"""The numbers of tensors, and how many calls make a block."""


def measure(rounds: int = 200) -> dict[int, float]:
    """Return for each number of tensors the median ratio of `ClipNorm` to `clip_grad_norm_`."""
    found = {}
    for count, calls in _TENSORS.items():
        parameters = [torch.zeros(1000, requires_grad=True) for _ in range(count)]
        for parameter in parameters:
            parameter.grad = torch.ones_like(parameter)
        theirs, ours = _function(parameters), _callback(parameters)
        ratios = []
        for number in range(rounds):  # in turn, each of them first in every other round
            times = {}
            for clip in (theirs, ours) if number % 2 else (ours, theirs):
                times[clip] = _seconds(clip, calls)
            ratios.append(times[ours] / times[theirs])
        found[count] = median(ratios)
    return found


def _function(parameters: list[torch.Tensor]) -> Callable[[], None]:
    def clip() -> None:
        clip_grad_norm_(parameters, 1.0, foreach=True)

    return clip


def _callback(parameters: list[torch.Tensor]) -> Callable[[], None]:
    callbacks = CallbackList([ClipNorm(parameters, 1.0)])
    callbacks.set_model(SimpleModel(torch.nn.Linear(1, 1)))
    end = callbacks.hook("on_backward_end")
    assert end is not None

    def clip() -> None:
        end(1)

    return clip


def _seconds(clip: Callable[[], None], calls: int) -> float:
    begin = perf_counter()
    for _ in range(calls):
        clip()
    return perf_counter() - begin
