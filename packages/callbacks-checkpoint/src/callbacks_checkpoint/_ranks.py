# SPDX-License-Identifier: MIT
"""What processes that train together must agree on."""

from __future__ import annotations

import torch
from torch import distributed


def path_from_rank_zero(path: str | None) -> str | None:
    """Return rank zero's *path*, once every process has come here; one's own without a group.

    It travels as a tensor of bytes, as torch's way of sending an object needs NumPy.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return path
    device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    letters = [] if path is None else list(path.encode("utf-8", "surrogateescape"))
    size = torch.tensor([-1 if path is None else len(letters)], device=device)
    distributed.broadcast(size, src=0)
    count = int(size)
    if count < 0:
        return None
    fits = letters if len(letters) == count else [0] * count
    text = torch.tensor(fits, dtype=torch.uint8, device=device)
    distributed.broadcast(text, src=0)
    return bytes(text.tolist()).decode("utf-8", "surrogateescape")
