# SPDX-License-Identifier: MIT
"""Random numbers that come again, and algorithms that do the same with them."""

from __future__ import annotations

import logging
import os
import random
import sys
from typing import Final

import torch

_WORKSPACE: Final = "CUBLAS_WORKSPACE_CONFIG"
_logger = logging.getLogger("callbacks_trainer")


def set_seeds(seed: int, *, deterministic: bool = False) -> None:
    """Seed the random generators of Python, NumPy (if it is in use) and torch, on all devices.

    Args:
        seed: From 0 to 2**32 - 1, which is what NumPy takes.
        deterministic: Whether to have torch compute in ways that give the same bits again, too;
            see `set_deterministic`.

    Raises:
        TypeError: *seed* is no whole number.
        ValueError: *seed* is out of range.
    """
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"`seed` must be a whole number, not {seed!r}")
    if not 0 <= seed < 2**32:
        raise ValueError(f"`seed` must be from 0 to 2**32 - 1, not {seed}")
    random.seed(seed)
    torch.manual_seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if deterministic:
        set_deterministic()


def set_deterministic(on: bool = True) -> None:
    """Have torch use deterministic algorithms alone, and raise where there is none.

    Two trainings with the same seeds, on the same kind of device and with the same versions, end
    with the same bits then. It costs time on CUDA: cuDNN does not try which algorithm is the
    fastest, and sums are added up in a fixed order.

    Args:
        on: Whether to; False goes back to what is fast.
    """
    torch.use_deterministic_algorithms(on)
    torch.backends.cudnn.benchmark = False
    if not on or _WORKSPACE in os.environ:
        return
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # torch has no types for it
        _logger.warning(
            "CUDA is in use already: set %s=:4096:8 before the program starts, or the products of "
            "matrices are refused",
            _WORKSPACE,
        )
    os.environ[_WORKSPACE] = ":4096:8"
