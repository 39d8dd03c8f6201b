# SPDX-License-Identifier: MIT
"""Metrics: functions, torchmetrics objects and names."""

from ._accuracy import Accuracy, BinaryAccuracy, TopKAccuracy, accuracy
from ._class_score import Agreement, BinaryScore, ClassScore
from ._errors import MeanError, Perplexity, R2Score
from ._functional import FunctionalMetric
from ._gathering import GatheringMetric
from ._given import MetricLike
from ._metric import Metric
from ._metric_set import MetricSet
from ._sklearn import SKLearnMetrics
from ._summing import SummingMetric

__all__ = [
    "Accuracy",
    "Agreement",
    "BinaryAccuracy",
    "BinaryScore",
    "ClassScore",
    "FunctionalMetric",
    "GatheringMetric",
    "MeanError",
    "Metric",
    "MetricLike",
    "MetricSet",
    "Perplexity",
    "R2Score",
    "SKLearnMetrics",
    "SummingMetric",
    "TopKAccuracy",
    "accuracy",
]
