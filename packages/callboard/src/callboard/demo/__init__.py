# SPDX-License-Identifier: MIT
"""A real training with every package at work: ``callboard demo``."""

from ._requirements import MissingPackageError
from ._run import run_demo

__all__ = ["MissingPackageError", "run_demo"]
