# SPDX-License-Identifier: MIT
"""States on disk."""

from __future__ import annotations

import os
from typing import IO, Any, TypeAlias

import torch

from callbacks_core import durable_open

FileLike: TypeAlias = "str | os.PathLike[str] | IO[bytes]"


def save_state(state: Any, file: FileLike) -> None:
    """Write a state; a path is replaced as a whole, so that a crash leaves the old file or the new.

    Args:
        state: Tensors and plain types.
        file: A path, or a file open for writing.

    Raises:
        OSError: The file cannot be written.
    """
    if not isinstance(file, str | os.PathLike):
        torch.save(state, file)
        return
    with durable_open(file, "wb") as opened:
        torch.save(state, opened)


def load_state(file: FileLike) -> Any:
    """Read a state onto the CPU. Code in the file is never run (``weights_only=True``).

    Args:
        file: A path, or a file open for reading.

    Raises:
        FileNotFoundError: There is no such file.
        TypeError: *file* is neither.
        pickle.UnpicklingError: The file holds something other than tensors and plain types.
    """
    if not isinstance(file, str | os.PathLike) and not hasattr(file, "read"):
        raise TypeError(f"`file` must be a path or an open file, not {file!r}")
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:
        error.add_note(
            f"in reading {file!r}: is it a file that save_weights or save_optimizer_state wrote?"
        )
        raise
