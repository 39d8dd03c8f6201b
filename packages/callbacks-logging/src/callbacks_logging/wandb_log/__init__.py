# SPDX-License-Identifier: MIT
"""Runs of Weights & Biases."""

from .logger import WandBLogger

__all__ = ["WandBLogger"]
