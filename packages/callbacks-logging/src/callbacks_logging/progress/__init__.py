# SPDX-License-Identifier: MIT
"""The display of how far training is."""

from .callback import ProgressionCallback

__all__ = ["ProgressionCallback"]
