# SPDX-License-Identifier: MIT
"""The trainer of callboard: a model that is fitted, evaluated and asked, with callbacks."""

from callbacks_core import get_batch_size, warning_settings

from .__about__ import __version__
from ._base import TrainingStep
from .batch_size import find_batch_size
from .combined import CombinedOptimizer
from .convert import torch_apply, torch_to_numpy
from .data import TensorDataset
from .losses import get_loss_function
from .metrics import (
    Accuracy,
    BinaryAccuracy,
    BinaryScore,
    ClassScore,
    GatheringMetric,
    Metric,
    SKLearnMetrics,
    SummingMetric,
    TopKAccuracy,
    accuracy,
)
from .model import Model
from .optimizers import get_optimizer
from .progress import PlainProgress
from .seeds import set_deterministic, set_seeds
from .summary import Layer, Summary, summarize

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "BinaryScore",
    "ClassScore",
    "CombinedOptimizer",
    "GatheringMetric",
    "Layer",
    "Metric",
    "Model",
    "PlainProgress",
    "SKLearnMetrics",
    "Summary",
    "SummingMetric",
    "TensorDataset",
    "TopKAccuracy",
    "TrainingStep",
    "__version__",
    "accuracy",
    "find_batch_size",
    "get_batch_size",
    "get_loss_function",
    "get_optimizer",
    "set_deterministic",
    "set_seeds",
    "summarize",
    "torch_apply",
    "torch_to_numpy",
    "warning_settings",
]
