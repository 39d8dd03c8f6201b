# SPDX-License-Identifier: MIT
"""Learning-rate schedulers as callbacks."""

from .__about__ import __version__
from .reduce_lr_on_plateau import ReduceLROnPlateau
from .scheduler_callback import LRSchedulerCallback, StepOn
from .step_lr import StepLR

__all__ = ["LRSchedulerCallback", "ReduceLROnPlateau", "StepLR", "StepOn", "__version__"]
