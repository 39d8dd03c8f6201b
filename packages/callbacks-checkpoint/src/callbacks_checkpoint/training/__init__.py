# SPDX-License-Identifier: MIT
"""Save the whole state of a run, and find it again."""

from .generations import load_training
from .training_checkpoint import TrainingCheckpoint

__all__ = ["TrainingCheckpoint", "load_training"]
