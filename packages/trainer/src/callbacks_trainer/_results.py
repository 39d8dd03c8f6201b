# SPDX-License-Identifier: MIT
"""What the methods return: loss, metrics, predictions and truths, absent parts left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from callbacks_core import LazyLogs, Scalar

from .convert import detach, torch_to_numpy


def scores(values: Mapping[str, float], prefix: str = "") -> list[Any]:
    """Return the loss, and the metrics if there are any: one number, or an array of several."""
    loss = f"{prefix}loss"
    metrics = [value for name, value in values.items() if name not in (loss, "time")]
    if not metrics:
        return [values[loss]]
    if len(metrics) == 1:
        return [values[loss], metrics[0]]
    return [values[loss], torch.tensor(metrics, dtype=torch.float64).numpy()]


def unpacked(parts: list[Any]) -> Any:
    """Return a single part by itself, several as a tuple."""
    return parts[0] if len(parts) == 1 else tuple(parts)


def on_batch_result(
    values: Mapping[str, Scalar], y_pred: Any, return_dict_format: bool, convert_to_numpy: bool
) -> Any:
    """Return the values of one batch, and its predictions unless they are None."""
    logs = LazyLogs(values).copy()
    parts: list[Any] = [logs] if return_dict_format else scores(logs)
    if y_pred is not None:
        parts.append(torch_to_numpy(y_pred) if convert_to_numpy else detach(y_pred))
    return unpacked(parts)
