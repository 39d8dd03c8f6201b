# SPDX-License-Identifier: MIT
"""Phases of optimizer settings, gradient clipping, averaged weights and freezing."""

from .__about__ import __version__
from .adaptive_clip import AdaptiveClip
from .clip import ClipNorm, ClipValue
from .ema import EMA
from .freeze import Freeze
from .gradual_unfreezing import GradualUnfreezing
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
    "Freeze",
    "GradualUnfreezing",
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
