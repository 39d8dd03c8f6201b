# SPDX-License-Identifier: MIT
"""Stop when a value has stopped improving."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .callback import Callback, State
from .errors import whole_number
from .monitor import Mode, Monitor
from .stopping import allow_training, stop_reason, stop_training

if TYPE_CHECKING:
    from .logs import Logs


class EarlyStopping(Callback):
    """Stop training when a monitored value has stopped improving.

    Training ends at the *patience*-th epoch in a row without an improvement; 0 and 1 both mean
    the first one. NaN is no improvement. The counters start anew with each training, unless their
    state was restored just before; a training that had been stopped then stays stopped, but for a
    larger *patience*.

    Args:
        monitor: The value's name in the logs.
        min_delta: A change by this or less is no improvement.
        patience: How many epochs in a row may pass without an improvement.
        verbose: Whether to print when training is stopped.
        mode: ``"min"`` when smaller is better, ``"max"`` when larger is.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *mode* is unknown, or *min_delta* or *patience* is negative.

    Attributes:
        wait: The number of epochs since the last improvement.
        stopped_epoch: The epoch at which training was stopped; 0 when it was not.
    """

    def __init__(
        self,
        *,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: bool = False,
        mode: Mode = "min",
    ) -> None:
        whole_number("patience", patience, at_least=0)
        self.monitor = Monitor(monitor, mode, min_delta)
        self.patience = patience
        self.verbose = verbose
        self._restored = False
        self._reset()

    def _reset(self) -> None:
        self.monitor.reset()
        self.wait = 0
        self.stopped_epoch = 0

    @property
    def best(self) -> float:
        """The best value so far."""
        return self.monitor.best

    def on_train_begin(self, logs: Logs) -> None:
        """Start counting, or go on from a restored state."""
        if not self._restored:
            self._reset()
        self._restored = False
        if not self.stopped_epoch:
            return
        if self.wait >= self.patience:
            self._stop()
            return
        self.stopped_epoch = 0
        if stop_reason(self.model) == self._reason():  # of the run that is gone on with
            allow_training(self.model)

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Count, and stop when patience is at an end."""
        if self.monitor.improved(logs):
            self.wait = 0
            return
        self.wait += 1
        if self.wait >= self.patience:
            self.stopped_epoch = epoch_number
            self._stop()

    def _stop(self) -> None:
        stop_training(self.model, self._reason())

    def _reason(self) -> str:
        epochs = "epoch" if self.wait == 1 else "epochs"
        return f"{self.monitor.name} has not improved on {self.best:g} for {self.wait} {epochs}"

    def on_train_end(self, logs: Logs) -> None:
        """Say that training was stopped, if it was and *verbose* is set."""
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch}: early stopping")

    def state_dict(self) -> State:
        """Return the counters and the best value."""
        return {
            "wait": self.wait,
            "stopped_epoch": self.stopped_epoch,
            "monitor": self.monitor.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Take up the counters; the next training goes on from them."""
        self.wait = int(state["wait"])
        self.stopped_epoch = int(state["stopped_epoch"])
        self.monitor.load_state_dict(state["monitor"])
        self._restored = True
