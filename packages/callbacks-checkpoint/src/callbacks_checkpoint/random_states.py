# SPDX-License-Identifier: MIT
"""The states of all random generators in files."""

from __future__ import annotations

from callbacks_core import PathLike, get_random_states, set_random_states

from .checkpoint_file import load_checkpoint, save_checkpoint


def save_random_states(path: PathLike) -> None:
    """Save the states of all random generators as a sealed checkpoint.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be written; the old one is as it was.
    """
    save_checkpoint(get_random_states(), path)


def load_random_states(path: PathLike) -> None:
    """Put all random generators into the states that a file holds.

    Args:
        path: What `save_random_states` or a `RandomStatesCheckpoint` has written.

    Raises:
        CheckpointError: The file is damaged, or not safe to load.
        OSError: It cannot be read.
    """
    set_random_states(load_checkpoint(path))
