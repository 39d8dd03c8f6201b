# SPDX-License-Identifier: MIT
"""Rows of values in a CSV file."""

from .atomic import AtomicCSVLogger
from .logger import CSVLogger

__all__ = ["AtomicCSVLogger", "CSVLogger"]
