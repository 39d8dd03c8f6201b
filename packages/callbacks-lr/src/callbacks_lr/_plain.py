# SPDX-License-Identifier: MIT
"""The part of a scheduler's state that a file without code can hold."""

from __future__ import annotations

from typing import Any, Final

from torch import Tensor

_NOT_PLAIN: Final = object()


def plain(state: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of *state* with numbers, text, tensors, and lists and dicts of them alone.

    What is left out, such as functions, comes from the arguments, which the new instance has too.
    """
    converted = {key: _convert(value) for key, value in state.items()}
    return {key: value for key, value in converted.items() if value is not _NOT_PLAIN}


def _convert(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, str):  # numpy's numbers are floats too, but no plain ones
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, Tensor):
        return value.detach().clone()
    if type(value) is dict:
        return plain(value)
    if type(value) not in (list, tuple):
        return _NOT_PLAIN
    parts = [_convert(part) for part in value]
    if any(part is _NOT_PLAIN for part in parts):
        return _NOT_PLAIN
    return type(value)(parts)
