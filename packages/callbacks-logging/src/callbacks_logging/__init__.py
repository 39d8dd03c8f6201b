# SPDX-License-Identifier: MIT
"""Show and record how training goes."""

from .__about__ import __version__
from .csv_log import CSVLogger
from .mlflow_log import MLFlowLogger
from .progress import ProgressionCallback
from .tensorboard import TensorBoardLogger

__all__ = ["CSVLogger", "MLFlowLogger", "ProgressionCallback", "TensorBoardLogger", "__version__"]
