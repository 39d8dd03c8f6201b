# SPDX-License-Identifier: MIT
"""Random numbers that come again."""

from __future__ import annotations

import random
import sys

import torch


def set_seeds(seed: int) -> None:
    """Seed the random generators of Python, NumPy (if it is in use) and torch, on all devices.

    Args:
        seed: From 0 to 2**32 - 1, which is what NumPy takes.

    Raises:
        ValueError: *seed* is out of range.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"`seed` must be from 0 to 2**32 - 1, not {seed}")
    random.seed(seed)
    torch.manual_seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
