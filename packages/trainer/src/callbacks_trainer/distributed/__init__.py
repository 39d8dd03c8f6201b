# SPDX-License-Identifier: MIT
"""Training in several processes, on torch's own engines."""

from ._agreement import listening_together
from ._group import Group
from ._loaders import Loaders
from ._sharded import swap_parameters
from ._strategy import Strategy, StrategyLike, get_strategy
from ._whole import copied, load_optimizer_state, load_weights, on_rank_zero, whole

__all__ = [
    "Group",
    "Loaders",
    "Strategy",
    "StrategyLike",
    "copied",
    "get_strategy",
    "listening_together",
    "load_optimizer_state",
    "load_weights",
    "on_rank_zero",
    "swap_parameters",
    "whole",
]
