# SPDX-License-Identifier: MIT
"""Time, as ratios within pairs of blocks: what disturbs one block disturbs its neighbour too."""

from __future__ import annotations

from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple

import torch
from _workloads import WORKLOADS, Loop, make_batches


class Times(NamedTuple):
    """A loop's time for a step, and its ratios to the bare loop's."""

    wall_us: float
    wall_ratio: float
    cpu_ratio: float


def measure(*, pairs: int, steps: int) -> dict[str, Times]:
    """Run all loops in turn, *pairs* times, and return the medians."""
    torch.set_num_threads(1)
    batches = make_batches(steps)
    loops = {name: make() for name, make in WORKLOADS.items()}
    for loop in loops.values():
        loop(batches)
    rounds = [{name: _timed(loop, batches) for name, loop in loops.items()} for _ in range(pairs)]
    return {
        name: Times(
            median(turn[name][0] for turn in rounds) / steps * 1e6,
            median(turn[name][0] / turn["bare loop"][0] for turn in rounds),
            median(turn[name][1] / turn["bare loop"][1] for turn in rounds),
        )
        for name in loops
    }


def _timed(loop: Loop, batches: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[float, float]:
    wall, cpu = perf_counter(), process_time()
    loop(batches)
    return perf_counter() - wall, process_time() - cpu
