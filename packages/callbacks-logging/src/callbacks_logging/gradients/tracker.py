# SPDX-License-Identifier: MIT
"""The callback that shows TensorBoard how gradients are distributed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base import Outcome
from .charts import charts_of
from .observer import GradientObserver
from .running import Running

if TYPE_CHECKING:
    from callbacks_core import Logs, PathLike, State

    from ..tensorboard_log.curves import ScalarsWriter
    from .observed import Observed
    from .running import RunningReading


class TensorBoardGradientTracker(GradientObserver):
    """Write for TensorBoard how the gradients of each parameter were in each epoch.

    Use it to see layers that do not learn, or are about to explode. For each parameter there is a
    chart ``gradient_distributions/<name>`` with the ``mean`` of the absolute values over the
    epoch, and ``mean_std_dev_up`` and ``mean_std_dev_down``, a standard deviation (over the
    batches) above and below; and a chart ``other_gradient_stats/<name>`` with the epoch's ``min``
    and ``max``. A parameter that had no gradient has no values; a gradient that is not finite
    makes those of its epoch so.

    The gradients are measured on their device, many at a time, and read once an epoch. They are
    those of each optimizer step as they are at this place in the list of callbacks: clipped behind
    a `ClipNorm`. A loop written by hand has to call ``loop.backward_end()``.

    Args:
        writer: A folder. Or any object with the ``add_scalars`` of torch's ``SummaryWriter``; it
            is flushed at the end and stays open.
        keep_bias: Whether to show parameters whose names contain ``bias``.

    Raises:
        TypeError: *writer* is neither a writer nor a folder's path, or *keep_bias* no bool.
    """

    def __init__(self, writer: ScalarsWriter | PathLike, keep_bias: bool = False) -> None:
        super().__init__(keep_bias=keep_bias)
        self._charts = charts_of(writer)
        self._running: Running | None = None
        self._restored_rows: dict[str, list[float]] = {}

    @property
    def writer(self) -> ScalarsWriter | None:
        """The writer that was handed in; None where a folder was."""
        return self._charts.writer

    def open(self, *, training: bool) -> None:
        """See whether the folder can be written to.

        Raises:
            HopelessPathError: It can never be.
        """
        self._charts.open()

    def begin(self, epoch: int, *, resumed: bool) -> None:
        """Remember from where on earlier values no longer count."""
        self._charts.begin(epoch if resumed else 0)

    def on_train_begin(self, logs: Logs) -> None:
        """Open the sink, find the parameters, and go on with an epoch that was broken off."""
        super().on_train_begin(logs)
        self._running = None
        restored, self._restored_rows = self._restored_rows, {}
        if restored and self._observed is not None:
            self._take_up(self._observed, restored)

    def _take_up(self, observed: Observed, restored: dict[str, list[float]]) -> None:
        rows = {
            index: restored[name] for index, name in enumerate(observed.names) if restored.get(name)
        }
        self._running = Running(len(observed.names))
        self._running.load(rows, [weight.device for weight in observed.parameters])

    def look(self, observed: Observed) -> None:
        """Add the gradients of a step to those of the epoch."""
        if self._running is None:
            self._running = Running(len(observed.names))
        self._running.add(observed.measure())

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Hand over what the epoch's gradients were like."""
        running, self._running = self._running, None
        if running is not None and self._session is not None and self._observed is not None:
            names, reading = self._observed.names, running.take()
            self._session.put(lambda: self._write_charts(names, reading, epoch_number))
        super().on_epoch_end(epoch_number, logs)

    def _write_charts(self, names: list[str], reading: RunningReading, epoch: int) -> None:
        add = self._charts.add
        for index, (mean, std, low, high) in reading.distributions().items():
            chart = f"gradient_distributions/{names[index]}"
            add(chart, "mean", mean, epoch)
            add(chart, "mean_std_dev_up", mean + std, epoch)
            add(chart, "mean_std_dev_down", mean - std, epoch)
            chart = f"other_gradient_stats/{names[index]}"
            add(chart, "min", low, epoch)
            add(chart, "max", high, epoch)

    def flush(self) -> None:
        """Hand what was written to the operating system."""
        self._charts.flush()

    def finish(self, outcome: Outcome) -> None:
        """Flush the writer that was handed in, or close the files."""
        self._charts.finish()

    def sink_state(self) -> State:
        """Return what the gradients of the epoch that runs were like so far."""
        rows = self._restored_rows
        if self._running is not None and self._observed is not None:
            rows = dict(zip(self._observed.names, self._running.state(), strict=False))
        return {"running": {name: list(row) for name, row in rows.items()}} if rows else {}

    def load_sink_state(self, state: State) -> None:
        """Take up what the gradients of an epoch that was broken off were like."""
        self._restored_rows = {name: list(row) for name, row in state.get("running", {}).items()}

    def __getstate__(self) -> dict[str, object]:
        """Copy and pickle without the gradients of the epoch that runs."""
        return {**super().__getstate__(), "_running": None}
