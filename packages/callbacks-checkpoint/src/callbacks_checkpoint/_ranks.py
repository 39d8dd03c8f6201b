# SPDX-License-Identifier: MIT
"""What processes that train together must agree on."""

from __future__ import annotations

from typing import TypeVar

import torch.distributed

T = TypeVar("T")


def from_rank_zero(value: T) -> T:
    """Return rank zero's *value*, once every process has come here; one's own without a group."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return value
    box = [value]
    torch.distributed.broadcast_object_list(box, src=0)
    return box[0]
