# SPDX-License-Identifier: MIT
"""Phases of optimizer settings, and gradient clipping."""

from .__about__ import __version__
from .clip import ClipNorm, ClipValue
from .high_level import one_cycle_phases, sgdr_phases
from .optimizer_policy import OptimizerPolicy
from .phase import Phase
from .spaces import Space, cosinespace, linspace

__all__ = [
    "ClipNorm",
    "ClipValue",
    "OptimizerPolicy",
    "Phase",
    "Space",
    "__version__",
    "cosinespace",
    "linspace",
    "one_cycle_phases",
    "sgdr_phases",
]
