# SPDX-License-Identifier: MIT
"""The metrics that can be asked for by a string."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from callbacks_core import did_you_mean

from ._accuracy import Accuracy, BinaryAccuracy, TopKAccuracy, accuracy
from ._class_score import AVERAGES, SCORES, Agreement, BinaryScore, ClassScore
from ._errors import MeanError, Perplexity, R2Score
from ._functional import CLASSIFICATION, REGRESSION, FunctionalMetric
from ._metric import Metric

Named = Callable[[], Metric]

_TOP: Final = re.compile(r"top_?(\d+)(?:_acc(?:uracy)?)?")
_ALIASES: Final = {
    "auc": "auroc",
    "ece": "calibration_error",
    "kappa": "cohen_kappa",
    "kendall": "kendall_rank_corrcoef",
    "mcc": "matthews_corrcoef",
    "mean_absolute_error": "mae",
    "mean_absolute_percentage_error": "mape",
    "mean_squared_error": "mse",
    "msle": "mean_squared_log_error",
    "pearson": "pearson_corrcoef",
    "r2_score": "r2",
    "roc_auc": "auroc",
    "root_mean_squared_error": "rmse",
    "smape": "symmetric_mean_absolute_percentage_error",
    "spearman": "spearman_corrcoef",
}


def _scores() -> dict[str, Named]:
    """Return the scores of classes, as the reference spells them: by two names, in three ways."""
    found: dict[str, Named] = {}
    for score in SCORES:
        for name in {"f1": ("f1", "fscore"), "jaccard": ("jaccard", "iou")}.get(score, (score,)):
            found[name] = partial(ClassScore, score)
            for average in AVERAGES:
                found[f"{name}_{average}"] = partial(ClassScore, score, average=average)
            found[f"bin_{name}"] = found[f"binary_{name}"] = partial(BinaryScore, score)
    return found


NAMED: Final[dict[str, Named]] = {
    "acc": Accuracy,
    "accuracy": Accuracy,
    "bin_acc": BinaryAccuracy,
    "binary_acc": BinaryAccuracy,
    "binary_accuracy": BinaryAccuracy,
    "cohen_kappa": partial(Agreement, "cohen_kappa"),
    "matthews_corrcoef": partial(Agreement, "matthews_corrcoef"),
    "perplexity": Perplexity,
    "r2": R2Score,
    "topk": TopKAccuracy,
    **{kind: partial(MeanError, kind) for kind in ("mae", "mape", "mse", "rmse")},
    **{name: partial(FunctionalMetric, name) for name in (*CLASSIFICATION, *REGRESSION)},
    **_scores(),
}
"""Makes the metric of each name; besides, ``"top5"`` and the like, and `_ALIASES`."""


def named_metric(name: str) -> tuple[str, Metric]:
    """Return the metric that goes by *name*, and the name under which it is logged.

    That is the name as it was given, but for those that the reference logs with their average:
    ``"f1"`` as ``"fscore_macro"``.

    Raises:
        ValueError: There is none.
    """
    key = name.lower().replace("-", "_").removesuffix("_score")
    if top := _TOP.fullmatch(key):
        return name, TopKAccuracy(int(top[1]))
    make = NAMED.get(_ALIASES.get(key, key))
    if make is None:
        near = did_you_mean(key, [*NAMED, *_ALIASES, "top5"])
        listed = ", ".join(repr(metric) for metric in sorted([*NAMED, "top5"]) if _is_short(metric))
        raise ValueError(
            f"there is no metric {name!r}{near} (by name there are {listed}; any function or "
            f"torchmetrics object can be given as such)"
        )
    metric = make()
    if isinstance(metric, ClassScore | BinaryScore):
        return metric.__name__, metric
    return name, metric


def _is_short(name: str) -> bool:
    return not (name.startswith("bin_") or name.endswith(tuple(f"_{each}" for each in AVERAGES)))


def adding_up(metric: Any) -> Any:
    """Return what measures the same as *metric*, and adds up over batches of any kind.

    The function `accuracy` becomes an `Accuracy`, with its ``ignore_index`` if it has one by
    `functools.partial`; anything else stays what it is.
    """
    if metric is accuracy:
        return Accuracy()
    if isinstance(metric, partial) and metric.func is accuracy and not metric.args:
        return Accuracy(**metric.keywords)
    return metric
