# SPDX-License-Identifier: MIT
"""Save a network while it trains, and bring its best weights back."""

from .__about__ import __version__
from .best_model_restore import BestModelRestore
from .errors import RestoreFailedError, SaveFailedError
from .model_checkpoint import ModelCheckpoint
from .periodic_save import PeriodicSaveCallback

__all__ = [
    "BestModelRestore",
    "ModelCheckpoint",
    "PeriodicSaveCallback",
    "RestoreFailedError",
    "SaveFailedError",
    "__version__",
]
