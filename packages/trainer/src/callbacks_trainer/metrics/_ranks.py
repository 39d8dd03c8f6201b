# SPDX-License-Identifier: MIT
"""Metrics put together from several processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch.distributed

from callbacks_core import world_size

from ..convert import torch_apply
from ._metric import Mergeable, State


def computed_together(metrics: Sequence[Mergeable]) -> list[Any]:
    """Return the values of *metrics* over the batches of all processes.

    All of them must call it at the same time, with the same metrics; a process may have had no
    batch. What was added up travels in one exchange, through the CPU, and every process works out
    the same values from it. The metrics themselves go on with their own batches.
    """
    own = [metric.state_dict() for metric in metrics]
    gathered: list[list[State]] = [[] for _ in range(world_size())]
    torch.distributed.all_gather_object(gathered, torch_apply(own, lambda value: value.cpu()))
    return [
        _merged(metric, state, states)
        for metric, state, states in zip(metrics, own, zip(*gathered, strict=True), strict=True)
    ]


def is_alone() -> bool:
    """Whether this process has nobody to exchange anything with."""
    distributed = torch.distributed
    if not (distributed.is_available() and distributed.is_initialized()):
        return True
    return distributed.get_world_size() == 1


def _merged(metric: Mergeable, own: State, states: Sequence[State]) -> Any:
    metric.load_state_dict(metric.merge(states))
    try:
        return metric.compute()
    finally:
        metric.load_state_dict(own)
