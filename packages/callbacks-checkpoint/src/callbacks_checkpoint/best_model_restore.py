# SPDX-License-Identifier: MIT
"""Bring back the best weights at the end of training."""

from __future__ import annotations

import logging
from copy import deepcopy
from typing import Any

import torch

from callbacks_core import Callback, Logs, Mode, Monitor, State, is_rank_zero

_logger = logging.getLogger("callbacks_checkpoint")


class BestModelRestore(Callback):
    """Put the weights of the best epoch back into the network at the end of training.

    They are kept in the host's memory rather than on the accelerator, which may have no room for
    a second set, and are copied whenever the monitored value improves. They are part of the
    callback's state, so that a resumed run still knows them. To have them on disk as well, use a
    `ModelCheckpoint` with ``restore_best=True`` instead.

    Best value and weights start anew with each training, unless their state was restored.

    Args:
        monitor: The value's name in the logs. NaN is never best.
        mode: ``"min"`` when smaller is better, ``"max"`` when larger is.
        verbose: Whether to print a line when the value improves and when weights are restored.

    Raises:
        TypeError: *monitor* is not a string.
        ValueError: *mode* is unknown.
    """

    def __init__(
        self, *, monitor: str = "val_loss", mode: Mode = "min", verbose: bool = False
    ) -> None:
        self.monitor = Monitor(monitor, mode)
        self.verbose = verbose
        self._restored = False
        self._reset()

    def _reset(self) -> None:
        self.monitor.reset()
        self._weights: dict[str, Any] | None = None

    def on_train_begin(self, logs: Logs) -> None:
        """Forget the weights of an earlier training, or go on from a restored state."""
        if not self._restored:
            self._reset()
        self._restored = False

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Copy the weights if they are the best so far."""
        before = self.monitor.best
        if not self.monitor.improved(logs):
            return
        if self.verbose and is_rank_zero():
            print(
                f"Epoch {epoch_number}: {self.monitor.name} improved from {before:.5f} to "
                f"{self.monitor.best:.5f}"
            )
        self._weights = {
            name: _copy_to_host(value) for name, value in self.model.network.state_dict().items()
        }

    def on_train_end(self, logs: Logs) -> None:
        """Put the best weights back."""
        if self._weights is None:
            _logger.warning("No weights to restore! %r never improved", self.monitor.name)
            return
        if self.verbose and is_rank_zero():
            print("Restoring best model")
        self.model.network.load_state_dict(self._weights)

    def state_dict(self) -> State:
        """Return the best value and its weights."""
        return {"monitor": self.monitor.state_dict(), "weights": self._weights}

    def load_state_dict(self, state: State) -> None:
        """Take up the best value and its weights; the next training goes on from them."""
        self.monitor.load_state_dict(state["monitor"])
        self._weights = state["weights"]
        self._restored = True


def _copy_to_host(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    return deepcopy(value)
