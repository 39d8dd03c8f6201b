# SPDX-License-Identifier: MIT
"""The gradients of an epoch, batch by batch, kept as a few numbers for each parameter."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .observed import Measured, sent
from .rows import HIGH, LOW, MEAN, wide

if TYPE_CHECKING:
    from torch import Tensor

_COUNT, _MEAN, _DEVIATION, _LOW, _HIGH = range(5)


class Distribution(NamedTuple):
    """How the gradients of a parameter were in an epoch.

    Attributes:
        mean: The mean over the batches of the mean absolute value.
        std: The standard deviation over the batches of the mean absolute value; zero for one.
        min: The smallest value.
        max: The largest value.
    """

    mean: float
    std: float
    min: float
    max: float


class Running:
    """Takes the measures of one batch after another, on the device.

    The mean and the deviations are kept as B. P. Welford describes ("Note on a method for
    calculating corrected sums of squares and products", Technometrics 4, 1962).

    Args:
        size: How many parameters there are.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._totals: dict[Any, Tensor] = {}

    def add(self, measured: Sequence[Measured]) -> None:
        """Take the measures of a batch."""
        torch = sys.modules["torch"]
        for part, measures in measured:
            total = self._total(measures.device)
            own = total[:, part.places]
            count = own[_COUNT] + 1
            off = measures[MEAN] - own[_MEAN]
            mean = own[_MEAN] + off / count
            own = torch.stack(
                [
                    count,
                    mean,
                    own[_DEVIATION] + off * (measures[MEAN] - mean),
                    torch.minimum(own[_LOW], measures[LOW]),
                    torch.maximum(own[_HIGH], measures[HIGH]),
                ]
            )
            total.index_copy_(1, part.places, own)

    def _total(self, device: Any) -> Tensor:
        total = self._totals.get(device)
        if total is None:
            torch = sys.modules["torch"]
            total = wide(torch.zeros(5, self._size, device=device))
            total[_LOW], total[_HIGH] = math.inf, -math.inf
            self._totals[device] = total
        return total

    def take(self) -> RunningReading:
        """Let the numbers come over, and begin anew."""
        totals, self._totals = self._totals, {}
        return RunningReading(list(totals.values()))

    def state(self) -> list[list[float]]:
        """Return the numbers of each parameter: a row each."""
        rows = RunningReading([total.clone() for total in self._totals.values()]).rows()
        return [rows.get(index, []) for index in range(self._size)] if rows else []

    def load(self, rows: Mapping[int, Sequence[float]], devices: Sequence[Any]) -> None:
        """Go on from rows that `state` returned.

        Args:
            rows: The numbers by the index of their parameter.
            devices: Where each parameter is.
        """
        for index, row in rows.items():
            total = self._total(devices[index])
            total[:, index] = total.new_tensor(row)


class RunningReading:
    """The numbers of an epoch on their way to the host.

    Args:
        totals: A matrix for each device.
    """

    def __init__(self, totals: Sequence[Tensor]) -> None:
        self._sent = [sent(total) for total in totals]

    def rows(self) -> dict[int, list[float]]:
        """Return the numbers of each parameter that had a gradient, by its index."""
        found = {}
        for copy, event in self._sent:
            if event is not None:
                event.synchronize()
            for index, row in enumerate(copy.t().tolist()):
                if row[_COUNT]:
                    found[index] = row
        return dict(sorted(found.items()))

    def distributions(self) -> dict[int, Distribution]:
        """Return how the gradients of each parameter were, by its index."""
        return {
            index: Distribution(
                row[_MEAN],
                math.sqrt(row[_DEVIATION] / (row[_COUNT] - 1)) if row[_COUNT] > 1 else 0.0,
                row[_LOW],
                row[_HIGH],
            )
            for index, row in self.rows().items()
        }
