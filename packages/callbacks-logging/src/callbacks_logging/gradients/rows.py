# SPDX-License-Identifier: MIT
"""What is measured of the numbers in a tensor, and how measures of parts become one.

A measure is a column: the mean of the absolute values, the sum of the squared deviations from that
mean, the smallest value, the largest value, the smallest absolute value, and for each further
order the sum of the absolute values to its power. From it follow all the `statistics`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from torch import Tensor

MEAN: Final = 0
DEVIATION: Final = 1
LOW: Final = 2
HIGH: Final = 3
LEAST: Final = 4
MEASURES: Final = 5
FROM_MEASURES: Final = (1, 2, math.inf)
"""The orders of norms that follow from the measures."""


def of_rows(block: Tensor, orders: Sequence[float] = (), *, owned: bool = False) -> Tensor:
    """Return what `from_rows` makes the measure of each row of.

    The operations are those that are quick along a row: `var_mean` and `aminmax` take thirty
    times as long on a processor.

    Args:
        block: A matrix, with at least one column.
        orders: The orders of norms that do not follow from the other measures.
        owned: Whether *block* may be overwritten.

    Returns:
        A column for each row, with roots in place of sums.
    """
    torch = sys.modules["torch"]
    if block.dtype not in (torch.float32, torch.float64):
        block, owned = block.float(), True
    low, high = block.amin(1), block.amax(1)
    sizes = block.abs_() if owned else block.abs()
    mean, least = sizes.mean(1), sizes.amin(1)
    roots = [torch.linalg.vector_norm(sizes, order, dim=1) for order in orders]
    root = torch.linalg.vector_norm(sizes.sub_(mean.unsqueeze(1)), dim=1)
    found: Tensor = torch.stack([mean, root, low, high, least, *roots])
    return found


def from_rows(found: Tensor, orders: Sequence[float] = ()) -> Tensor:
    """Return the measures of rows, in double precision where the device has it.

    Args:
        found: What `of_rows` has returned, for any number of rows.
        orders: The orders that it was given.
    """
    measures = wide(found)
    measures[DEVIATION].square_()
    for index, order in enumerate(orders, MEASURES):
        measures[index].pow_(order)
    return measures


def of_segments(flat: Tensor, lengths: Tensor, orders: Sequence[float] = ()) -> Tensor:
    """Return the measures of successive parts of a vector, as `of_rows` does those of rows.

    Args:
        flat: The numbers of all parts.
        lengths: How many numbers each part has, at least one.
        orders: The orders of norms that do not follow from the other measures.
    """
    torch = sys.modules["torch"]

    def reduced(values: Tensor, how: str) -> Tensor:
        found: Tensor = torch.segment_reduce(values, how, lengths=lengths, axis=0, unsafe=True)
        return found

    flat = wide(flat)
    sizes = flat.abs()
    mean = reduced(sizes, "sum") / lengths
    least = reduced(sizes, "min")
    powers = [reduced(sizes**order, "sum") for order in orders]
    off = sizes - mean.repeat_interleave(lengths, output_size=flat.numel())
    deviation = reduced(off.square_(), "sum")
    extremes = (reduced(flat, "min"), reduced(flat, "max"), least)
    measures: Tensor = torch.stack([mean, deviation, *extremes, *powers])
    return measures


def merged(measures: Tensor, counts: Tensor) -> Tensor:
    """Return the measure of several parts together, as one column.

    Args:
        measures: A column for each part.
        counts: How many numbers each of them has.
    """
    torch = sys.modules["torch"]
    mean = (measures[MEAN] * counts).sum() / counts.sum()
    deviation = (measures[DEVIATION] + counts * (measures[MEAN] - mean) ** 2).sum()
    extremes = (measures[LOW].amin(), measures[HIGH].amax(), measures[LEAST].amin())
    powers = measures[MEASURES:].sum(1)
    merged: Tensor = torch.cat([torch.stack([mean, deviation, *extremes]), powers]).unsqueeze(1)
    return merged


def wide(tensor: Tensor) -> Tensor:
    """Return *tensor* in double precision, where its device has it."""
    torch = sys.modules["torch"]
    return tensor if tensor.device.type == "mps" else tensor.to(torch.float64)


def statistics(measures: Tensor, counts: Tensor, orders: Sequence[float]) -> dict[str, Tensor]:
    """Return the statistics by their names, a value for each column of *measures*.

    ``mean``, ``var`` and ``std`` are those of the absolute values, since a gradient's own mean is
    hardly ever far from zero; the variance is the unbiased one, and NaN for a single number.

    Args:
        measures: Measures, the columns those of whole tensors.
        counts: How many numbers each tensor has.
        orders: The orders of the norms; those that do not follow from the measures have their
            sums in *measures*, in their order.
    """
    torch = sys.modules["torch"]
    mean, deviation, low, high, least = measures[:MEASURES]
    variance = deviation / (counts - 1)
    most = torch.maximum(low.abs(), high.abs())
    found = {
        "mean": mean,
        "std": variance.sqrt(),
        "var": variance,
        "min": low,
        "max": high,
        "abs_min": least,
        "abs_max": most,
    }
    squares = torch.where(mean.isinf(), mean, deviation + counts * mean**2)
    known = {1: mean * counts, 2: squares.sqrt(), math.inf: most}
    powers = iter(measures[MEASURES:])
    for order in orders:
        value = known[order] if order in known else next(powers) ** (1 / order)
        found[norm_name(order)] = value
    return found


def norm_name(order: float) -> str:
    """Return the name of a norm: ``l1``, ``l2``, ``linf``."""
    return f"l{order:g}"
