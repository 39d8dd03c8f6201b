# SPDX-License-Identifier: MIT
"""Show and record how training goes."""

from .__about__ import __version__
from .base import Batches, Logger, Outcome
from .csv_log import AtomicCSVLogger, CSVLogger
from .environment import describe_environment
from .gradients import (
    AtomicCSVGradientLogger,
    CSVGradientLogger,
    GradientLogger,
    MemoryGradientLogger,
    TensorBoardGradientLogger,
    TensorBoardGradientTracker,
)
from .history import HistoryLogger
from .json_lines import JSONLinesLogger
from .mlflow_log import MLFlowLogger
from .monitors import CallbackTimer, DeviceMemoryMonitor, ThroughputMonitor
from .plots import plot_history, plot_metric
from .progress import ColorProgress, ProgressBar, ProgressionCallback
from .report import HTMLReport
from .tensorboard_log import TensorBoardLogger
from .wandb_log import WandBLogger

__all__ = [
    "AtomicCSVGradientLogger",
    "AtomicCSVLogger",
    "Batches",
    "CSVGradientLogger",
    "CSVLogger",
    "CallbackTimer",
    "ColorProgress",
    "DeviceMemoryMonitor",
    "GradientLogger",
    "HTMLReport",
    "HistoryLogger",
    "JSONLinesLogger",
    "Logger",
    "MLFlowLogger",
    "MemoryGradientLogger",
    "Outcome",
    "ProgressBar",
    "ProgressionCallback",
    "TensorBoardGradientLogger",
    "TensorBoardGradientTracker",
    "TensorBoardLogger",
    "ThroughputMonitor",
    "WandBLogger",
    "__version__",
    "describe_environment",
    "plot_history",
    "plot_metric",
]
