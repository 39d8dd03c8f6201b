# SPDX-License-Identifier: MIT
"""The loop that calls the hooks, for trainers and for loops written by hand."""

from ._epoch import Epoch
from ._feed import loader_length
from ._mode import NetworkMode
from ._pass import Pass
from ._training_loop import TrainingLoop

__all__ = ["Epoch", "NetworkMode", "Pass", "TrainingLoop", "loader_length"]
