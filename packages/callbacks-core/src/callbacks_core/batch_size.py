# SPDX-License-Identifier: MIT
"""How many examples a batch holds."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final

warning_settings: Final[dict[str, str]] = {"batch_size": "warn"}
"""What to warn of: set ``warning_settings["batch_size"] = "ignore"`` to hear nothing of it."""


def get_batch_size(*values: Any) -> int:
    """Return the number of examples in a batch, taken from the first value that tells it.

    A tensor or an array tells its length; a tuple or a list is searched for the first thing that
    tells; a mapping gives its ``"batch_size"``, or is searched like a list. When nothing tells,
    the answer is 1, with a warning unless `warning_settings` says otherwise.

    Args:
        *values: The batch, or its parts: usually the inputs and the targets.
    """
    try:
        size: int | None = values[0].shape[0]  # a tensor or an array: the usual case goes first
    except (AttributeError, IndexError):
        size = _size_of(values)
    if size is not None:
        return size
    if warning_settings["batch_size"] == "warn":
        warnings.warn(
            "the size of a batch could not be told from its values and is taken as 1, which "
            "weighs the averages wrongly; name it with loop.log(size=...) in a loop of your own, "
            'or put a "batch_size" into a dict of inputs '
            '(warning_settings["batch_size"] = "ignore" silences this)',
            stacklevel=2,
        )
    return 1


def _size_of(value: Any) -> int | None:
    if isinstance(value, Mapping):
        named = value.get("batch_size")
        if isinstance(named, int) and not isinstance(named, bool):
            return named
        return _first_size(value.values())
    batch_sizes = getattr(value, "batch_sizes", None)
    if batch_sizes is not None:  # a PackedSequence, which is a tuple as well
        return int(batch_sizes[0])
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return _first_size(value)
    shape = getattr(value, "shape", None)
    if shape is None:
        return None
    return int(shape[0]) if len(shape) else None


def _first_size(values: Any) -> int | None:
    for value in values:
        size = _size_of(value)
        if size is not None:
            return size
    return None
