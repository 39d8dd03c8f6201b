# SPDX-License-Identifier: MIT
"""The logger that keeps statistics of gradients in memory."""

from __future__ import annotations

from collections.abc import Iterable

from .logger import GradientLogger, Statistics


class MemoryGradientLogger(GradientLogger):
    """Keep statistics of each parameter's gradient in memory.

    It is for notebooks and tests; see `GradientLogger` for the statistics. A resumed training
    begins with none.

    Args:
        keep_bias: Whether to log parameters whose names contain ``bias``.
        norm_type: The orders of the norms, or one of them.
        every: Look at one in so many optimizer steps.
        update_ratio: Whether to log how far each step moves each weight.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *every* is less than one, or an order is not positive.

    Attributes:
        history: By the name of a parameter the statistics of each step that was looked at, with
            its ``epoch`` and ``batch``; complete when training has ended.

    Example:
        >>> import torch
        >>> from callbacks_core import TrainingLoop
        >>> network = torch.nn.Linear(2, 1)
        >>> gradients = MemoryGradientLogger()
        >>> with TrainingLoop(network, callbacks=[gradients]) as loop:
        ...     for epoch in loop.epochs(1):
        ...         for x in epoch.train([torch.tensor([[1.0, -3.0]])]):
        ...             network(x).sum().backward()
        ...             loop.backward_end()
        >>> [row["abs_max"] for row in gradients.history["weight"]]
        [3.0]
    """

    epoch_timeout = 5.0

    def __init__(
        self,
        *,
        keep_bias: bool = False,
        norm_type: float | Iterable[float] = (1, 2, float("inf")),
        every: int = 1,
        update_ratio: bool = False,
    ) -> None:
        super().__init__(
            keep_bias=keep_bias, norm_type=norm_type, every=every, update_ratio=update_ratio
        )
        self.history: dict[str, list[dict[str, float]]] = {}

    def open(self, *, training: bool) -> None:
        """Forget another training."""
        self.history = {}

    def write_gradients(self, epoch: int, batch: int, step: int, statistics: Statistics) -> None:
        """Keep the statistics of a step."""
        for name, row in statistics.items():
            self.history.setdefault(name, []).append({"epoch": epoch, "batch": batch, **row})
