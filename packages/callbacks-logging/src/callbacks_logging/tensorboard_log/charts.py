# SPDX-License-Identifier: MIT
"""Which curves share a chart."""

from __future__ import annotations

from collections.abc import Mapping

from .._learning_rates import is_rate


def charts(values: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Return the curves of each chart: a value of training with the same of validation.

    Learning rates share one, too. The number of the epoch is no curve, but the step at which the
    others are drawn.
    """
    by_tag: dict[str, dict[str, float]] = {}
    for name, value in values.items():
        if name != "epoch" and isinstance(value, int | float):
            tag = "lr" if is_rate(name) else name.removeprefix("val_")
            by_tag.setdefault(tag, {})[name] = value
    return by_tag


def run_of(tag: str, curve: str) -> str:
    """Return the folder of a curve, as ``SummaryWriter.add_scalars`` names it."""
    return f"{tag}_{curve}".replace("/", "_")
