# SPDX-License-Identifier: MIT
"""Runs in MLflow."""

from .logger import MLFlowLogger

__all__ = ["MLFlowLogger"]
