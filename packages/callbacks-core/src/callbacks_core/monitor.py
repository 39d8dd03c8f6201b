# SPDX-License-Identifier: MIT
"""The one place that decides whether a value has improved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, TypeAlias

from .callback import State
from .errors import missing_metric, one_of

Mode: TypeAlias = Literal["min", "max"]


class Monitor:
    """Watches one value of the logs and remembers the best it has seen.

    NaN never improves, and neither does the infinity one starts from.

    Args:
        name: The value's name in the logs, such as ``"val_loss"``.
        mode: ``"min"`` when smaller is better, ``"max"`` when larger is.
        min_delta: An improvement is a change by strictly more than this.

    Raises:
        TypeError: *name* is not a string, or *min_delta* not a number.
        ValueError: *mode* is neither of the two, or *min_delta* is negative or not finite.

    Attributes:
        best: The best value so far; an infinity before the first one.
    """

    def __init__(self, name: str, mode: Mode = "min", min_delta: float = 0.0) -> None:
        if not isinstance(name, str):
            raise TypeError(f"`monitor` must be the name of a value in the logs, not {name!r}")
        one_of("mode", mode, ("min", "max"))
        if isinstance(min_delta, bool) or not isinstance(min_delta, int | float):
            raise TypeError(f"`min_delta` must be a number, not {min_delta!r}")
        if not 0 <= min_delta < math.inf:
            raise ValueError(f"`min_delta` must be zero or more, and finite, not {min_delta!r}")
        self.name = name
        self.mode = mode
        self.min_delta = float(min_delta)
        self.reset()

    def reset(self) -> None:
        """Forget the best value."""
        self.best = math.inf if self.mode == "min" else -math.inf

    def value(self, logs: Mapping[str, float]) -> float:
        """Return the watched value.

        Raises:
            MissingMetricError: *logs* do not have it; the message lists what they have.
        """
        if self.name not in logs:
            raise missing_metric(self.name, logs)
        return float(logs[self.name])

    def is_better(self, value: float) -> bool:
        """Whether *value* improves on the best one; remembers nothing."""
        if self.mode == "min":
            return value + self.min_delta < self.best
        return value - self.min_delta > self.best

    def improved(self, logs: Mapping[str, float]) -> bool:
        """Whether the watched value has improved; if so it is the best one from now on.

        Raises:
            MissingMetricError: *logs* do not have the value.
        """
        value = self.value(logs)
        if not self.is_better(value):
            return False
        self.best = value
        return True

    def state_dict(self) -> State:
        """Return the best value."""
        return {"best": self.best}

    def load_state_dict(self, state: State) -> None:
        """Take up the best value."""
        self.best = float(state["best"])
