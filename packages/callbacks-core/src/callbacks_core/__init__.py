# SPDX-License-Identifier: MIT
"""The core of callboard: callbacks for any PyTorch training loop, without any dependency."""

from .__about__ import __version__
from .averages import RunningMean, RunningMeans
from .batch_size import get_batch_size, warning_settings
from .callback import Callback, FailurePolicy, State
from .callback_list import CallbackList
from .control_file import ControlFile
from .delay import DelayCallback
from .early_stopping import EarlyStopping
from .errors import (
    FatalCallbackError,
    MissingMetricError,
    NotAttachedError,
    did_you_mean,
    one_of,
    whole_number,
)
from .files import (
    Durability,
    HopelessPathError,
    PathLike,
    as_path,
    durable_open,
    make_folder,
    probe,
    sync_folder,
)
from .hooks import HOOKS
from .lambda_callback import LambdaCallback
from .logs import LazyLogs, Logs, Scalar, is_tensor, read_scalars
from .loop import Epoch, NetworkMode, Pass, TrainingLoop, loader_length
from .model_like import ModelLike, SimpleModel
from .monitor import Mode, Monitor
from .optimizer_steps import OptimizerSteps
from .packing import Packed, RowPacker, is_packed, unpacked
from .params import Params
from .random_states import get_random_states, set_random_states
from .rank import is_rank_zero, rank, world_size
from .run_saver import ResumeError, RunSaver
from .secrets import Secret, redacted
from .signals import SignalWatch
from .stateful import Stateful
from .stopping import allow_training, stop_reason, stop_training
from .terminate_on_nan import TerminateOnNaN
from .timing import HookTime, time_table
from .worker import BackgroundWorker

__all__ = [
    "HOOKS",
    "BackgroundWorker",
    "Callback",
    "CallbackList",
    "ControlFile",
    "DelayCallback",
    "Durability",
    "EarlyStopping",
    "Epoch",
    "FailurePolicy",
    "FatalCallbackError",
    "HookTime",
    "HopelessPathError",
    "LambdaCallback",
    "LazyLogs",
    "Logs",
    "MissingMetricError",
    "Mode",
    "ModelLike",
    "Monitor",
    "NetworkMode",
    "NotAttachedError",
    "OptimizerSteps",
    "Packed",
    "Params",
    "Pass",
    "PathLike",
    "ResumeError",
    "RowPacker",
    "RunSaver",
    "RunningMean",
    "RunningMeans",
    "Scalar",
    "Secret",
    "SignalWatch",
    "SimpleModel",
    "State",
    "Stateful",
    "TerminateOnNaN",
    "TrainingLoop",
    "__version__",
    "allow_training",
    "as_path",
    "did_you_mean",
    "durable_open",
    "get_batch_size",
    "get_random_states",
    "is_packed",
    "is_rank_zero",
    "is_tensor",
    "loader_length",
    "make_folder",
    "one_of",
    "probe",
    "rank",
    "read_scalars",
    "redacted",
    "set_random_states",
    "stop_reason",
    "stop_training",
    "sync_folder",
    "time_table",
    "unpacked",
    "warning_settings",
    "whole_number",
    "world_size",
]
