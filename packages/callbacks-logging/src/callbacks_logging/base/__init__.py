# SPDX-License-Identifier: MIT
"""What every logger shares."""

from .batches import Batches
from .logger import Logger, Outcome

__all__ = ["Batches", "Logger", "Outcome"]
