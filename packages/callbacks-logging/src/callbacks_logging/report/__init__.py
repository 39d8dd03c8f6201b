# SPDX-License-Identifier: MIT
"""A page that tells of a training."""

from .logger import HTMLReport

__all__ = ["HTMLReport"]
