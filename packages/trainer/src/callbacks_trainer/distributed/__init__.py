# SPDX-License-Identifier: MIT
"""Training in several processes, on torch's own engines."""

from ._agreement import listening_together
from ._group import Group
from ._loaders import Loaders
from ._sharded import swap_parameters
from ._strategy import Strategy, StrategyLike, get_strategy

__all__ = [
    "Group",
    "Loaders",
    "Strategy",
    "StrategyLike",
    "get_strategy",
    "listening_together",
    "swap_parameters",
]
