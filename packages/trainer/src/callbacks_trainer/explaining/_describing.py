# SPDX-License-Identifier: MIT
"""Batches in words: types, shapes, devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

_LONGEST: Final = 60
_MOST: Final = 6


def described(value: Any) -> str:
    """Return types, shapes and devices in a nest, such as ``(float32 (4, 3), int64 (4,))``.

    Args:
        value: A tensor, an array, or a nest of them; anything else is shown as it is.
    """
    if isinstance(value, Tensor):
        where = "" if value.device.type == "cpu" else f" on {value.device}"
        return f"{dtype_name(value)} {tuple(value.shape)}{where}"
    if isinstance(value, PackedSequence):
        return f"PackedSequence of {described(value.data)}"
    if isinstance(value, Mapping):
        items = [f"{key!r}: {described(item)}" for key, item in value.items()]
        return f"{{{_listed(items)}}}"
    if isinstance(value, tuple | list):
        listed = _listed([described(item) for item in value])
        if isinstance(value, list):
            return f"[{listed}]"
        return f"({listed},)" if len(value) == 1 else f"({listed})"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{type(value).__name__} {value.dtype} {tuple(value.shape)}"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def dtype_name(tensor: Tensor) -> str:
    """Return the type of a tensor's elements, such as ``float32``."""
    return str(tensor.dtype).removeprefix("torch.")


def _listed(items: list[str]) -> str:
    more = f", and {len(items) - _MOST} more" if len(items) > _MOST else ""
    return ", ".join(items[:_MOST]) + more
