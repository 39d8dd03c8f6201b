# SPDX-License-Identifier: MIT
"""What a training has come to, and what of it was told."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from callbacks_core import Monitor, State


class Record:
    """Remembers the course of a training, over a resumption too.

    Args:
        best: Watches the value that tells which epoch is best.

    Attributes:
        begun: The number of the last epoch that began.
        epoch: The number of the last epoch that ended.
        told_epoch: The number of the last epoch that was looked at for news.
        best_epoch: The number of the best epoch; 0 before the first.
        last: The logs of the last epoch.
        seconds: How long the training has taken, as of its last end.
    """

    def __init__(self, best: Monitor) -> None:
        self.best = best
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.begun = self.epoch = self.told_epoch = self.best_epoch = 0
        self.last: dict[str, float] = {}
        self.seconds = 0.0
        self._since: float | None = None
        self._told: list[str] = []
        self.best.reset()

    def start(self) -> None:
        """Let the time run."""
        self._since = monotonic()

    def stop(self) -> None:
        """Stop the time."""
        self.seconds, self._since = self._duration(), None

    def _duration(self) -> float:
        return self.seconds + (0.0 if self._since is None else monotonic() - self._since)

    def first_time(self, what: str) -> bool:
        """Whether *what* was never told before; it is told from now on."""
        if what in self._told:
            return False
        self._told.append(what)
        return True

    def state_dict(self) -> State:
        """Return what was told, and what the summary needs."""
        return {
            "epoch": self.told_epoch,
            "told": list(self._told),
            "seconds": self._duration(),
            "best": self.best.state_dict(),
            "best_epoch": self.best_epoch,
        }

    def load_state_dict(self, state: State) -> None:
        """Take up such a state."""
        self.reset()
        self.epoch = self.begun = self.told_epoch = int(state["epoch"])
        self._told = [str(what) for what in state["told"]]
        self.seconds = float(state["seconds"])
        self.best.load_state_dict(state["best"])
        self.best_epoch = int(state["best_epoch"])
