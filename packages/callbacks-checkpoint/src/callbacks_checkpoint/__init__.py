# SPDX-License-Identifier: MIT
"""Save a network while it trains, and bring its best weights back."""

from .__about__ import __version__
from .best_model_restore import BestModelRestore
from .checkpoint_file import (
    load_checkpoint,
    read_checkpoint,
    save_checkpoint,
    verify_checkpoint,
    write_checkpoint,
)
from .errors import (
    CheckpointError,
    DamagedCheckpointError,
    RestoreFailedError,
    SaveFailedError,
    UnsafeCheckpointError,
)
from .model_checkpoint import ModelCheckpoint
from .periodic_save import PeriodicSaveCallback
from .unsealing import Checked, Verdict

__all__ = [
    "BestModelRestore",
    "Checked",
    "CheckpointError",
    "DamagedCheckpointError",
    "ModelCheckpoint",
    "PeriodicSaveCallback",
    "RestoreFailedError",
    "SaveFailedError",
    "UnsafeCheckpointError",
    "Verdict",
    "__version__",
    "load_checkpoint",
    "read_checkpoint",
    "save_checkpoint",
    "verify_checkpoint",
    "write_checkpoint",
]
