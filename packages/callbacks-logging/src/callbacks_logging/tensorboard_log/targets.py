# SPDX-License-Identifier: MIT
"""What a callback that writes for TensorBoard is told to write to."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard, cast

from callbacks_core import as_path

from .curves import ScalarsWriter

if TYPE_CHECKING:
    from pathlib import Path

    from callbacks_core import PathLike


def is_writer(writer: object) -> TypeGuard[ScalarsWriter]:
    """Whether *writer* has the method that a writer needs."""
    return callable(getattr(writer, "add_scalars", None)) and not isinstance(writer, type)


def folder_of(writer: object) -> Path:
    """Return the folder of this path.

    Raises:
        TypeError: *writer* is no path.
    """
    if isinstance(writer, type):
        raise TypeError(
            f"`writer` is the class {writer.__name__}, not an instance of it: "
            f"write {writer.__name__}(...)"
        )
    try:
        return as_path("writer", cast("PathLike", writer))
    except TypeError:
        raise TypeError(
            f"`writer` must have a method add_scalars, as torch's SummaryWriter does, or be the "
            f"path of a folder; {type(writer).__name__} is neither"
        ) from None
