# SPDX-License-Identifier: MIT
"""The options that all savers share."""

from __future__ import annotations

from typing import TypedDict

from callbacks_core import Mode, PathLike

from .asynchronous import WhileSaving
from .retention import Retention
from .triggers import Trigger


class SaveOptions(TypedDict, total=False):
    """The keyword arguments of `PeriodicSaveCallback`."""

    monitor: str
    mode: Mode
    save_best_only: bool
    keep_only_last_best: bool
    restore_best: bool
    period: int
    trigger: Trigger | None
    keep: Retention | None
    best_link: PathLike | None
    last_link: PathLike | None
    verbose: bool
    temporary_filename: PathLike | None
    atomic_write: bool
    open_mode: str
    asynchronous: bool
    while_saving: WhileSaving
    overlap: bool
