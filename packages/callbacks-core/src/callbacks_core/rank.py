# SPDX-License-Identifier: MIT
"""Which of several processes this one is, found out without importing torch."""

from __future__ import annotations

import os
import sys
from typing import Any


def rank() -> int:
    """Return this process's number among those that train together; 0 when it is alone.

    ``torch.distributed`` is asked when a process group is there, else the variable ``RANK`` that
    ``torchrun`` sets.
    """
    group = _process_group()
    return int(group.get_rank()) if group else _from_environment("RANK", 0)


def world_size() -> int:
    """Return how many processes train together; 1 when this one is alone."""
    group = _process_group()
    return int(group.get_world_size()) if group else _from_environment("WORLD_SIZE", 1)


def is_rank_zero() -> bool:
    """Whether this is the process that prints, logs and notifies."""
    return rank() == 0


def _process_group() -> Any:
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available():
        return None
    return distributed if distributed.is_initialized() else None


def _from_environment(name: str, default: int) -> int:
    try:
        return int(os.environ.get(name, default))
    except ValueError:
        return default
