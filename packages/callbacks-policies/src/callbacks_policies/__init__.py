# SPDX-License-Identifier: MIT
"""Phases of optimizer settings, and gradient clipping."""

from .__about__ import __version__
from .adaptive_clip import AdaptiveClip
from .clip import ClipNorm, ClipValue
from .ema import EMA
from .high_level import one_cycle_phases, sgdr_phases, wsd_phases
from .optimizer_policy import OptimizerPolicy
from .phase import Phase
from .spaces import Space, constant, cosinespace, expspace, linspace, polyspace
from .swa import SWA

__all__ = [
    "EMA",
    "SWA",
    "AdaptiveClip",
    "ClipNorm",
    "ClipValue",
    "OptimizerPolicy",
    "Phase",
    "Space",
    "__version__",
    "constant",
    "cosinespace",
    "expspace",
    "linspace",
    "one_cycle_phases",
    "polyspace",
    "sgdr_phases",
    "wsd_phases",
]
