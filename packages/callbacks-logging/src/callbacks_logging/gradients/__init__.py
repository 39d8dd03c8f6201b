# SPDX-License-Identifier: MIT
"""Statistics of gradients."""

from .csv import AtomicCSVGradientLogger, CSVGradientLogger
from .logger import GradientLogger
from .memory import MemoryGradientLogger
from .tensorboard import TensorBoardGradientLogger
from .tracker import TensorBoardGradientTracker

__all__ = [
    "AtomicCSVGradientLogger",
    "CSVGradientLogger",
    "GradientLogger",
    "MemoryGradientLogger",
    "TensorBoardGradientLogger",
    "TensorBoardGradientTracker",
]
