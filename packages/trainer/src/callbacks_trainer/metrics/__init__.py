# SPDX-License-Identifier: MIT
"""Metrics: functions, torchmetrics objects and names."""

from ._accuracy import accuracy
from ._metric import Metric
from ._metric_set import MetricLike, MetricSet

__all__ = ["Metric", "MetricLike", "MetricSet", "accuracy"]
