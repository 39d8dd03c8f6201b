# SPDX-License-Identifier: MIT
"""Show and record how training goes."""

from .__about__ import __version__
from .progress import ProgressionCallback

__all__ = ["ProgressionCallback", "__version__"]
