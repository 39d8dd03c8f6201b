# SPDX-License-Identifier: MIT
"""What the frames of an exception tell of the batch that it came from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from traceback import walk_tb
from types import FrameType
from typing import Any, Final, NamedTuple

from torch.nn import Module

import callbacks_core

_TRAINER: Final = Path(__file__).parent.parent
_STEPS: Final = frozenset(
    str(_TRAINER / name)
    for name in ("_closures.py", "_custom.py", "_evaluation.py", "_steps.py", "_training.py")
)
_METRICS: Final = str(_TRAINER / "metrics" / "_metric_set.py")
_CORE: Final = str(Path(callbacks_core.__file__).parent)

_PREDICTING: Final = frozenset({"_plain", "_mixed", "predict"})
"""Functions that make a prediction: one that their callers have is of the batch before."""
_TAKING: Final = frozenset({"prepare", "moved"})
"""Functions that are given a batch as it comes: all else is of the one before."""
_PARTS: Final = ("batch", "x", "y", "y_pred")


class Evidence(NamedTuple):
    """What is known of a batch that something went wrong with."""

    error: Exception
    parts: dict[str, Any]
    """``batch``, ``x``, ``y`` and ``y_pred``, as far as it came."""
    network: Module
    layer: tuple[str, Module] | None = None
    """The innermost layer that has not returned, with its name."""
    metric: str | None = None
    """The metric that has not returned."""
    is_fetching: bool = False
    """Whether the loader has not returned."""


def evidence_of(error: Exception, network: Module) -> Evidence | None:
    """Return what the frames of an exception tell; None if it did not come from a batch.

    Args:
        error: The exception, as it has come up to the loop over the batches.
        network: The network.
    """
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    inner = _beyond_the_loop(frames)
    if inner and _is_of_core(inner[0]) and inner[0].f_code.co_name == "__iter__":
        is_fetching = not _is_of_core(inner[-1])
        return Evidence(error, {}, network, is_fetching=True) if is_fetching else None
    parts: dict[str, Any] = {}
    layer: tuple[str, Module] | None = None
    metric, ours = None, ""
    modules = {module: name for name, module in network.named_modules()}
    for frame in frames:
        here, file = frame.f_locals, frame.f_code.co_filename
        if file in _STEPS:
            ours = frame.f_code.co_name
            _gather(ours, here, parts)
        elif file == _METRICS and "metric" in here:
            metric = _metric_name(here)
        module = here.get("self")
        if isinstance(module, Module) and module in modules:
            layer = modules[module], module
            if ours != "loss" and metric is None:
                parts.pop("y_pred", None)  # that of the batch before
    return Evidence(error, parts, network, layer, metric) if parts else None


def _beyond_the_loop(frames: Sequence[FrameType]) -> Sequence[FrameType]:
    """Return the frames after the last one that handles batches."""
    last = max(
        (i for i, frame in enumerate(frames) if frame.f_code.co_filename in _STEPS), default=-1
    )
    return frames[last + 1 :]


def _is_of_core(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_CORE)


def _gather(function: str, here: dict[str, Any], parts: dict[str, Any]) -> None:
    """Add what a function has of the batch; what is further in is newer."""
    if function in _PREDICTING:
        parts.pop("y_pred", None)
    if function in _TAKING or function == "summary":
        parts.clear()
    if function != "summary":
        wanted = ("batch",) if function in _TAKING else _PARTS
        parts.update({name: here[name] for name in wanted if name in here})


def _metric_name(here: dict[str, Any]) -> str | None:
    for name, metric in (*here["self"]._batch, *here["self"]._epoch):
        if metric is here["metric"]:
            return name if isinstance(name, str) else ", ".join(name)
    return None
