# SPDX-License-Identifier: MIT
"""The loss over the learning rate, and what to choose from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from callbacks_core import one_of
from callbacks_core.plotting import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Suggestion: TypeAlias = Literal["steepest", "valley", "minimum"]
_SUGGESTIONS: tuple[Suggestion, ...] = ("steepest", "valley", "minimum")


@dataclass(frozen=True)
class LRCurve:
    """What `LRFinder` found.

    Attributes:
        rates: The learning rates, rising.
        losses: The loss that each of them was stepped from.
        smoothed: The losses as a moving average, which the suggestions look at.
        diverged: Whether the loss got out of hand, and the test was ended by that.
    """

    rates: list[float]
    losses: list[float]
    smoothed: list[float]
    diverged: bool

    def suggestion(self, method: Suggestion = "valley") -> float:
        """Return a learning rate to train with, or for a cycle to rise to.

        Args:
            method: ``"steepest"``, where the loss falls the fastest over the logarithm of the
                rate; ``"valley"``, half-way down the longest descent, which is sturdier against
                noise; ``"minimum"``, a tenth of the rate where the loss is lowest.

        Raises:
            ValueError: *method* is unknown, or there are fewer than three losses.
        """
        one_of("method", method, _SUGGESTIONS)
        if len(self.rates) < 3:
            raise ValueError(
                f"a suggestion needs at least 3 losses, not {len(self.rates)}: start from a lower "
                f"learning rate"
            )
        if method == "minimum":
            return self.rates[min(range(len(self.rates)), key=self.smoothed.__getitem__)] / 10
        return self.rates[self._steepest() if method == "steepest" else self._valley()]

    def _steepest(self) -> int:
        def slope(index: int) -> float:
            rise = self.smoothed[index + 1] - self.smoothed[index - 1]
            return rise / math.log(self.rates[index + 1] / self.rates[index - 1])

        return min(range(1, len(self.rates) - 1), key=slope)

    def _valley(self) -> int:
        """Return the middle of the longest falling subsequence."""
        lengths, starts = [1] * len(self.rates), list(range(len(self.rates)))
        for index, loss in enumerate(self.smoothed):
            for before in range(index):
                if self.smoothed[before] > loss and lengths[before] + 1 > lengths[index]:
                    lengths[index], starts[index] = lengths[before] + 1, starts[before]
        end = max(range(len(lengths)), key=lengths.__getitem__)
        return (starts[end] + end) // 2

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the losses over the learning rate, with the suggestions.

        Args:
            ax: The axes to draw on; by default new ones.

        Returns:
            The axes.

        Raises:
            ImportError: matplotlib is not installed.
            ValueError: There are fewer than three losses.
        """
        suggestions = {method: self.suggestion(method) for method in _SUGGESTIONS}
        axes = new_axes("callbacks-lr") if ax is None else ax
        axes.plot(self.rates, self.losses, alpha=0.3, label="loss")
        axes.plot(self.rates, self.smoothed, label="smoothed")
        for number, (method, rate) in enumerate(suggestions.items(), 2):
            axes.axvline(rate, color=f"C{number}", linestyle=":", label=f"{method}: {rate:.2g}")
        axes.set_xscale("log")
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss")
        axes.legend()
        return axes
