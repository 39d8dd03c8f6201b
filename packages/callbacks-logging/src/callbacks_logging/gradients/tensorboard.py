# SPDX-License-Identifier: MIT
"""The logger that shows TensorBoard statistics of gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from callbacks_core import whole_number

from ..base import Outcome
from .charts import charts_of
from .logger import GradientLogger, Statistics

if TYPE_CHECKING:
    from callbacks_core import PathLike

    from ..tensorboard_log.curves import ScalarsWriter


class TensorBoardGradientLogger(GradientLogger):
    """Write statistics of each parameter's gradient for TensorBoard.

    Each parameter has a chart ``gradient_stats/<name>`` with a curve for each statistic, over the
    optimizer steps since training began; see `GradientLogger` for the statistics. For the epochs'
    distributions alone there is `TensorBoardGradientTracker`.

    Args:
        writer: A folder. Or any object with the ``add_scalars`` of torch's ``SummaryWriter``; it
            is flushed at the end and stays open.
        initial_step: Added to the number of each step.
        keep_bias: Whether to log parameters whose names contain ``bias``.
        norm_type: The orders of the norms, or one of them.
        every: Look at one in so many optimizer steps.
        update_ratio: Whether to log how far each step moves each weight.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *every* is less than one, *initial_step* negative, or an order not positive.
    """

    def __init__(
        self,
        writer: ScalarsWriter | PathLike,
        initial_step: int = 0,
        *,
        keep_bias: bool = False,
        norm_type: float | Iterable[float] = (1, 2, float("inf")),
        every: int = 1,
        update_ratio: bool = False,
    ) -> None:
        super().__init__(
            keep_bias=keep_bias, norm_type=norm_type, every=every, update_ratio=update_ratio
        )
        whole_number("initial_step", initial_step, at_least=0)
        self.initial_step = initial_step
        self._charts = charts_of(writer)

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
        self._charts.begin(self.initial_step + self._train.step + 1 if resumed else 0)

    def write_gradients(self, epoch: int, batch: int, step: int, statistics: Statistics) -> None:
        """Write the statistics of a step."""
        for name, row in statistics.items():
            for curve, value in row.items():
                self._charts.add(f"gradient_stats/{name}", curve, value, self.initial_step + step)

    def flush(self) -> None:
        """Hand what was written to the operating system."""
        self._charts.flush()

    def finish(self, outcome: Outcome) -> None:
        """Flush the writer that was handed in, or close the files."""
        self._charts.finish()
