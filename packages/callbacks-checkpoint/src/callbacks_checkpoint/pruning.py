# SPDX-License-Identifier: MIT
"""What to remove from a folder of checkpoints."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ._filename import FilenameTemplate
from .listing import ListedCheckpoint
from .retention import Retention


def checkpoints_to_remove(
    files: Sequence[ListedCheckpoint], keep: Retention
) -> list[ListedCheckpoint]:
    """Return those of *files* that a rule does not want.

    Each series is looked at by itself; files that no saver has sealed are one series. What is
    damaged is neither counted nor removed, and of what is good one file of each series stays,
    whatever the rule says. Second names, such as those of the best file and the last, stay, and
    with them what they name.

    Args:
        files: What `list_checkpoints` has found, verified, oldest first.
        keep: The rule.

    Raises:
        ValueError: The rule asks for the best files of a series, and none tells its value.
    """
    names = dict.fromkeys(file.series for file in files)
    chosen = [
        doomed
        for name in names
        for doomed in _of_series([file for file in files if file.series == name], keep)
    ]
    return [file for file in files if file in chosen]


def _of_series(files: list[ListedCheckpoint], keep: Retention) -> list[ListedCheckpoint]:
    good = [file for file in files if file.is_good and _is_own_name(file)]
    if not good:
        return []
    saved = {os.fspath(file.path): file.saved() for file in good}
    if keep.best and all(file.value is None for file in saved.values()):
        name = files[0].series or "those without a seal"
        raise ValueError(f"no file of {name} tells its value, so there is no best one")
    kept = keep.kept(list(saved.values()), good[0].mode) or [saved[os.fspath(good[-1].path)]]
    return [file for file in good if saved[os.fspath(file.path)] not in kept]


def _is_own_name(file: ListedCheckpoint) -> bool:
    """Whether the name is the one under which a file was saved, rather than a second one."""
    return not file.series or FilenameTemplate(file.series).fits(file.path.name)
