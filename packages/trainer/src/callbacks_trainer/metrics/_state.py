# SPDX-License-Identifier: MIT
"""The state of metrics of all kinds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from callbacks_core import Stateful

from ..convert import torch_apply
from ._metric import State


def is_torchmetrics(metric: object) -> bool:
    """Whether *metric* is an object of torchmetrics, or a module that holds some."""
    return isinstance(metric, torch.nn.Module) and bool(_parts(metric))


def _parts(metric: torch.nn.Module) -> dict[str, Any]:
    return {name: part for name, part in metric.named_modules() if hasattr(part, "update_count")}


def state_of(metric: Any) -> State | None:
    """Return what a metric has added up, in plain types and tensors; None if it cannot tell."""
    if not is_torchmetrics(metric):
        return metric.state_dict() if isinstance(metric, Stateful) else None
    return {
        name: {
            "updates": part.update_count,
            "values": torch_apply(part.metric_state, lambda value: value.detach().clone()),
        }
        for name, part in _parts(metric).items()
    }


def load_state(metric: Any, state: State) -> None:
    """Let *metric* continue from what `state_of` returned."""
    if not is_torchmetrics(metric):
        metric.load_state_dict(state)
        return
    metric.reset()
    parts = _parts(metric)
    for name, saved in state.items():
        part = parts[name]
        for attribute, value in saved["values"].items():
            setattr(part, attribute, torch_apply(value, _copied_to(part.device)))
        part._update_count = saved["updates"]  # or it would warn of a value without any batch


def _copied_to(device: torch.device) -> Any:
    def copied(value: Tensor) -> Tensor:
        return value.detach().to(device, copy=True)  # it adds up in place

    return copied
