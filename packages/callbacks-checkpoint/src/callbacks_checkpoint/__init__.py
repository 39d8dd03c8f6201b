# SPDX-License-Identifier: MIT
"""Save a network while it trains, and bring its best weights back."""

from callbacks_core import get_random_states, set_random_states

from .__about__ import __version__
from ._options import SaveOptions
from .asynchronous import AsynchronousSaver, ChangedTensorError, EndedSave, WhileSaving
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
from .listing import (
    ListedCheckpoint,
    LoadedCheckpoint,
    best_checkpoint,
    list_checkpoints,
    list_sharded,
    load_newest,
)
from .lr_scheduler_checkpoint import LRSchedulerCheckpoint
from .model_checkpoint import ModelCheckpoint
from .optimizer_checkpoint import OptimizerCheckpoint
from .periodic_save import PeriodicSaveCallback
from .periodic_save_lambda import PeriodicSaveLambda
from .periodic_state_save import PeriodicStateSave
from .pruning import checkpoints_to_remove
from .random_states import load_random_states, save_random_states
from .random_states_checkpoint import RandomStatesCheckpoint
from .retention import Retention, SavedFile
from .safetensors_file import export_safetensors, load_safetensors
from .sharded import OtherRankError, is_sharded, load_sharded, save_sharded, verify_sharded
from .state_checkpoint import StateCheckpoint
from .training import TrainingCheckpoint, load_training
from .triggers import (
    AnyTrigger,
    EveryBatches,
    EveryEpochs,
    EveryMinutes,
    EverySeconds,
    OnControl,
    OnException,
    OnFile,
    OnSignal,
    Trigger,
)
from .unsealing import CheckedFile, Verdict

__all__ = [
    "AnyTrigger",
    "AsynchronousSaver",
    "BestModelRestore",
    "ChangedTensorError",
    "CheckedFile",
    "CheckpointError",
    "DamagedCheckpointError",
    "EndedSave",
    "EveryBatches",
    "EveryEpochs",
    "EveryMinutes",
    "EverySeconds",
    "LRSchedulerCheckpoint",
    "ListedCheckpoint",
    "LoadedCheckpoint",
    "ModelCheckpoint",
    "OnControl",
    "OnException",
    "OnFile",
    "OnSignal",
    "OptimizerCheckpoint",
    "OtherRankError",
    "PeriodicSaveCallback",
    "PeriodicSaveLambda",
    "PeriodicStateSave",
    "RandomStatesCheckpoint",
    "RestoreFailedError",
    "Retention",
    "SaveFailedError",
    "SaveOptions",
    "SavedFile",
    "StateCheckpoint",
    "TrainingCheckpoint",
    "Trigger",
    "UnsafeCheckpointError",
    "Verdict",
    "WhileSaving",
    "__version__",
    "best_checkpoint",
    "checkpoints_to_remove",
    "export_safetensors",
    "get_random_states",
    "is_sharded",
    "list_checkpoints",
    "list_sharded",
    "load_checkpoint",
    "load_newest",
    "load_random_states",
    "load_safetensors",
    "load_sharded",
    "load_training",
    "read_checkpoint",
    "save_checkpoint",
    "save_random_states",
    "save_sharded",
    "set_random_states",
    "verify_checkpoint",
    "verify_sharded",
    "write_checkpoint",
]
