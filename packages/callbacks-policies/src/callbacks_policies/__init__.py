# SPDX-License-Identifier: MIT
"""Phases of optimizer settings, and gradient clipping."""

from .__about__ import __version__
from .adaptive_clip import AdaptiveClip
from .clip import ClipNorm, ClipValue
from .high_level import one_cycle_phases, sgdr_phases, wsd_phases
from .optimizer_policy import OptimizerPolicy
from .phase import Phase
from .spaces import Space, constant, cosinespace, expspace, linspace, polyspace

__all__ = [
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
