# SPDX-License-Identifier: MIT
"""How fast a training goes."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from callbacks_core import Callback

if TYPE_CHECKING:
    from callbacks_core import FailurePolicy, Logs


class ThroughputMonitor(Callback):
    """Write into each epoch's logs how fast it was trained, and how long it waited for data.

    Every logger after it in the list has the values, and the history too:

    - ``samples_per_second``: the examples of this process, by the batches' sizes;
    - ``batches_per_second``;
    - ``data_wait_share``: the share of the time, between 0 and 1, in which the loader had no batch
      ready. Near zero more workers in the loader change nothing; near one the loader is what the
      training waits for.

    They are those of the training batches, without the validation. No step waits for the device:
    on an accelerator the time of a single step says little, that of an epoch is right.

    Example:
        >>> from callbacks_core.testing import play
        >>> [logs] = play(ThroughputMonitor(), [{"loss": 0.5}]).history
        >>> [name for name in logs if name not in ("epoch", "time", "loss")]
        ['samples_per_second', 'batches_per_second', 'data_wait_share']
    """

    on_error: FailurePolicy = "disable"

    def __init__(self) -> None:
        self._restart()

    def _restart(self) -> None:
        self._begin = self._waits_since = self._last = perf_counter()
        self._waited = 0.0
        self._samples = self._batches = 0

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Begin to count: the first batch is waited for from now on."""
        self._restart()

    def on_train_batch_begin(self, batch_number: int, logs: Logs) -> None:
        """Count the wait for this batch."""
        self._waited += perf_counter() - self._waits_since

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Count the batch; the values in the logs are not read."""
        self._samples += int(dict.get(logs, "size", 0))
        self._batches += 1
        self._waits_since = self._last = perf_counter()

    def on_batch_settled(self, batch_number: int, logs: Logs) -> None:
        """Leave out what callbacks have done since the batch ended."""
        self._waits_since = self._last = perf_counter()

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Write the values; an epoch without a batch has none."""
        seconds = self._last - self._begin
        if not self._batches or seconds <= 0:
            return
        logs["samples_per_second"] = self._samples / seconds
        logs["batches_per_second"] = self._batches / seconds
        logs["data_wait_share"] = min(1.0, self._waited / seconds)
