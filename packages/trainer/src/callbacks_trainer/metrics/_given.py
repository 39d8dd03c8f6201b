# SPDX-License-Identifier: MIT
"""What is given to a model as its metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ._metric import Accumulating
from ._named import adding_up, named_metric
from ._names import name_of
from ._sklearn import SKLearnMetrics, is_of_sklearn

if TYPE_CHECKING:
    import torchmetrics

AnyMetric: TypeAlias = "Callable[..., Any] | Accumulating | torchmetrics.Metric"
MetricLike: TypeAlias = "str | AnyMetric | tuple[str | Sequence[str], str | AnyMetric]"


def listed_metrics(metrics: Iterable[MetricLike] | None, argument: str) -> list[Any]:
    """Return the metrics that were given as an argument of a model, in a list.

    Args:
        metrics: A list of them, one by itself, or None.
        argument: The argument's name, for the message.

    Raises:
        TypeError: It is a mapping.
    """
    if metrics is None:
        return []
    if isinstance(metrics, Mapping):
        raise TypeError(
            f"`{argument}` must be a list, in which (name, metric) names a metric, not {metrics!r}"
        )
    if isinstance(metrics, str | Accumulating) or not isinstance(metrics, Iterable):
        return [metrics]  # a MetricCollection can be iterated over, and is one metric
    return list(metrics)


def named(metric: Any, argument: str) -> tuple[str | list[str], Any]:
    """Return a metric that was given, and the name or names under which it is logged.

    Args:
        metric: A name, a function, an object; or one of these with a name of one's own.
        argument: ``"batch_metrics"`` or ``"epoch_metrics"``.

    Raises:
        TypeError: It is no metric, or none for this place.
        ValueError: There is no metric of that name.
    """
    given: str | list[str] | None = None
    if isinstance(metric, tuple):
        if len(metric) != 2:
            raise TypeError(f"a named metric in `{argument}` is (name, metric), not {metric!r}")
        given, metric = metric
        if given == "":
            raise ValueError(f"the name of a metric in `{argument}` must not be empty, as ''")
        if not isinstance(given, str):
            given = [str(name) for name in given or ()]
    if isinstance(metric, str):
        own, metric = named_metric(metric)
        given = given or own
    if is_of_sklearn(metric):
        if argument == "batch_metrics":
            raise TypeError(
                f"{name_of(metric)!r} of scikit-learn takes arrays, and the truth first: give it "
                f"to `epoch_metrics`, or to SKLearnMetrics"
            )
        metric = SKLearnMetrics(metric)
    metric = adding_up(metric)
    _require_metric(metric, argument)
    return given or name_of(metric), metric


def _require_metric(metric: Any, argument: str) -> None:
    if isinstance(metric, type):
        raise TypeError(
            f"`{argument}` has the class {metric.__name__}, not an instance of it: "
            f"write {metric.__name__}(...)"
        )
    if argument == "epoch_metrics" and not isinstance(metric, Accumulating):
        raise TypeError(
            f"an epoch metric needs update, compute and reset, which {metric!r} has not; "
            f"for a plain function there is batch_metrics"
        )
    if argument == "batch_metrics" and not callable(metric):
        raise TypeError(
            f"`batch_metrics` must hold functions, torchmetrics objects or names, not {metric!r}"
        )
