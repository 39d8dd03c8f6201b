# SPDX-License-Identifier: MIT
"""Rows of values in a CSV file."""

from .logger import CSVLogger

__all__ = ["CSVLogger"]
