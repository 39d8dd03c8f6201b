# SPDX-License-Identifier: MIT
"""Values of many batches, read from the device together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from callbacks_core import LazyLogs, is_tensor, read_scalars


def read_all(batches: list[Mapping[str, float]]) -> list[dict[str, float]]:
    """Return the numbers of all *batches*, with one transfer for each device.

    Args:
        batches: The logs of batches, whose values may still be on the device.
    """
    raw = [_peek(logs) for logs in batches]
    places = [
        (values, name, value)
        for values in raw
        for name, value in values.items()
        if is_tensor(value)
    ]
    if places:
        numbers = read_scalars([tensor for _, _, tensor in places])
        for (values, name, _), number in zip(places, numbers, strict=True):
            values[name] = number
    return raw


def _peek(logs: Mapping[str, float]) -> dict[str, float]:
    """Return the values as they are; those that are tensors are replaced at once."""
    if not isinstance(logs, LazyLogs):
        return dict(logs)
    return {name: cast("float", logs.peek(name)) for name in logs}
