# SPDX-License-Identifier: MIT
"""The saved states of a run in a folder, one file each."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from callbacks_core import PathLike, rank

from ..checkpoint_file import load_checkpoint, verify_checkpoint
from ..listing import ListedCheckpoint, LoadedCheckpoint, list_checkpoints, load_newest
from ..retention import SavedFile

PREFIX: Final = "checkpoint-"
PATTERN: Final = f"{PREFIX}*.pt"


class Generations(NamedTuple):
    """The files of a folder, seen from one of them, or from none.

    Attributes:
        earlier: Those of the same training up to that one, oldest first.
        others: Those of later moments, which are to be saved again, and of other trainings.
    """

    earlier: list[SavedFile]
    others: list[SavedFile]


def load_training(path: PathLike) -> dict[str, Any]:
    """Return the state of a run that a `TrainingCheckpoint` has saved.

    In a distributed run each process gets what is its own.

    Args:
        path: The file; or a folder, whose newest file that is whole it is. A damaged one is passed
            over with a warning in the log.

    Raises:
        CheckpointError: The file, or each file of the folder, is damaged or not safe to load.
        FileNotFoundError: There is none.
    """
    return own_state(load_generation(path))


def load_generation(path: PathLike) -> LoadedCheckpoint:
    """Load a file, or the newest one of a folder that is whole; otherwise as `load_training`."""
    if os.path.isdir(path):
        return load_newest(path, pattern=PATTERN)
    about = verify_checkpoint(path).about
    return LoadedCheckpoint(load_checkpoint(path), Path(path), about or {})


def own_state(loaded: LoadedCheckpoint) -> dict[str, Any]:
    """Return the state as it is for this process."""
    state: dict[str, Any] = loaded.state
    ranks = own_part(state, "ranks")
    if ranks and rank() < len(ranks):
        return {**state, "local": ranks[rank()]}
    return state


def own_part(state: object, name: str) -> Any:
    """Return what this package has added to a run's state; None where it is no such state."""
    return state.get(name) if isinstance(state, dict) else None


def generations(folder: PathLike, loaded: LoadedCheckpoint | None) -> Generations:
    """Return the files of a folder in their order.

    Args:
        folder: The folder.
        loaded: The one to look from.
    """
    if not os.path.isdir(folder):
        return Generations([], [])
    files = list_checkpoints(folder, pattern=PATTERN, verify=False)
    if loaded is None:
        return Generations([], _saved(files))
    start, moment = loaded.about.get("started"), _moment(loaded.about)
    same = [file for file in files if file.about.get("started") == start]
    earlier = [file for file in same if _moment(file.about) <= moment]
    earlier.sort(key=lambda file: _moment(file.about))
    return Generations(_saved(earlier), _saved([file for file in files if file not in earlier]))


def new_start(folder: PathLike) -> int:
    """Return when a training starts, in nanoseconds: later than any with files in the folder."""
    listed = [] if not os.path.isdir(folder) else list_checkpoints(folder, verify=False)
    latest = max((int(file.about.get("started", 0)) for file in listed), default=0)
    return max(time.time_ns(), latest + 1)


def _moment(about: dict[str, Any]) -> tuple[int, float]:
    return int(about.get("epoch", 0)), float(about.get("batch", "inf"))


def _saved(files: Sequence[ListedCheckpoint]) -> list[SavedFile]:
    return [file.saved() for file in files]
