# SPDX-License-Identifier: MIT
"""The display of how far training is."""

from .bar import ProgressBar
from .callback import ProgressionCallback
from .colours import ColorProgress

__all__ = ["ColorProgress", "ProgressBar", "ProgressionCallback"]
