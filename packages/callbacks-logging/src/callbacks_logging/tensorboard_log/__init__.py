# SPDX-License-Identifier: MIT
"""Curves in TensorBoard."""

from .logger import TensorBoardLogger

__all__ = ["TensorBoardLogger"]
