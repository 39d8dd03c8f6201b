# SPDX-License-Identifier: MIT
"""Learning-rate schedulers as callbacks."""

from .__about__ import __version__
from .chained_scheduler import ChainedScheduler
from .cosine_annealing import CosineAnnealingLR, CosineAnnealingWarmRestarts
from .cyclic_lr import CyclicLR
from .exponential_lr import ExponentialLR
from .factors import ConstantLR, LinearLR, PolynomialLR
from .lambda_lr import LambdaLR, MultiplicativeLR
from .lr_curve import LRCurve
from .lr_finder import LRFinder
from .lr_monitor import LRMonitor
from .multi_step_lr import MultiStepLR
from .one_cycle_lr import OneCycleLR
from .plot_schedule import plot_schedule
from .reduce_lr_on_plateau import ReduceLROnPlateau
from .scheduler_callback import LRSchedulerCallback, StepOn
from .sequential_lr import SequentialLR
from .step_lr import StepLR
from .warmup import Warmup
from .warmup_stable_decay import WarmupStableDecay

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRCurve",
    "LRFinder",
    "LRMonitor",
    "LRSchedulerCallback",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "StepOn",
    "Warmup",
    "WarmupStableDecay",
    "__version__",
    "plot_schedule",
]
