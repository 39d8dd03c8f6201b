# SPDX-License-Identifier: MIT
"""Stop when the loss is no number any more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .averages import RunningMean
from .callback import Callback
from .errors import missing_metric, whole_number
from .logs import LazyLogs, Scalar, is_tensor
from .stopping import stop_training

if TYPE_CHECKING:
    from .logs import Logs

_EVERY_ON_ACCELERATOR = 50


class TerminateOnNaN(Callback):
    """Stop training when the loss of a training batch is NaN or infinite.

    The weights are lost by then, so the epoch is abandoned: it is neither validated nor closed,
    no checkpoint is made of it, and the best and last ones stay as they were.

    Args:
        every: Look at the losses once in so many batches, at all that came since. Left out, it is
            every batch on a CPU and every 50 on an accelerator, where a look makes the host wait.
            All are looked at before the epoch ends, whatever this says.

    Raises:
        TypeError: *every* is not a whole number.
        ValueError: *every* is less than 1.
    """

    def __init__(self, *, every: int | None = None) -> None:
        if every is not None:
            whole_number("every", every, at_least=1)
        self.every = every
        self._start()

    def _start(self) -> None:
        self._losses = RunningMean()  # finite exactly when every loss added to it is
        self._unseen = 0
        self._batch = 0
        self._diverged = False

    def on_train_begin(self, logs: Logs) -> None:
        """Start anew."""
        self._start()

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Keep the loss, and look at those kept when it is time."""
        if self._diverged:
            return
        if "loss" not in logs:
            raise missing_metric("loss", logs)
        loss = logs.peek("loss") if isinstance(logs, LazyLogs) else logs["loss"]
        self._losses.add(loss if is_tensor(loss) or not hasattr(loss, "item") else loss.item())
        self._unseen += 1
        self._batch = batch_number
        if self._unseen >= (self.every or _default_interval(loss)):
            self._look()

    def _look(self) -> None:
        if self._unseen and not math.isfinite(float(self._losses.result())):
            self._diverged = True
            stop_training(self.model, f"the loss was no finite number by batch {self._batch}")
            print(f"Batch {self._batch}: Invalid loss, terminating training")
        self._losses = RunningMean()
        self._unseen = 0

    def abandons_epoch(self) -> bool:
        """Look at the losses not looked at yet; whether any of the epoch was no number."""
        self._look()
        return self._diverged


def _default_interval(loss: Scalar) -> int:
    return _EVERY_ON_ACCELERATOR if is_tensor(loss) and loss.device.type != "cpu" else 1
