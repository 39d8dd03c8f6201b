# SPDX-License-Identifier: MIT
"""The exponential moving average of the weights."""

from __future__ import annotations

from typing import Any

import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn

from callbacks_core import Logs, whole_number

from ._average import Average
from ._checks import number
from .averaged_weights import AveragedWeights


class EMA(AveragedWeights):
    """Keep an exponential moving average of the weights, and evaluate under it.

    The average wanders less than the weights do, and often generalizes better than they. After
    each step of the optimizer it moves towards them: ``averaged = decay * averaged + (1 - decay) *
    weights``. The averaging is that of `torch.optim.swa_utils`.

    The training itself is not touched. From the beginning of a validation, a test or a prediction
    to its end the network has the averaged weights, and then its own again, bit for bit, also
    after an exception. A test or a prediction is done under the average when this callback is
    passed to it; ``with ema.applied():`` is for what no hook is called for.

    Args:
        decay: How much of the average stays with each update, from 0 to 1.
        warmup: Whether the decay is ``(1 + n) / (10 + n)`` in update *n*, counted from 1, as long
            as that is less, so that the first weights are soon forgotten.
        start_step: The steps of the optimizer before the first that counts.
        every: Update once per this many steps of the optimizer.
        use_buffers: Whether to average the buffers too, such as the statistics of batch
            normalization; otherwise the network's own are evaluated with.
        swap_at_end: Whether the network has the averaged weights for good when training ends.
        until_epoch_end: Whether a validated epoch keeps the averaged weights in the network until
            this callback's own `on_epoch_end`. Savers before it in the list, such as
            ``BestModelRestore``, then keep the weights that were validated; otherwise, and after
            it in the list, they see those that are trained.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *decay* is outside of 0 to 1, *start_step* is negative, or *every* less than 1.

    References:
        Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992,
        https://doi.org/10.1137/0330046. The warm-up is that of TensorFlow's
        ``ExponentialMovingAverage`` with ``num_updates``.
    """

    def __init__(
        self,
        decay: float = 0.999,
        *,
        warmup: bool = False,
        start_step: int = 0,
        every: int = 1,
        use_buffers: bool = False,
        swap_at_end: bool = False,
        until_epoch_end: bool = False,
    ) -> None:
        if not 0 <= number("decay", decay) <= 1:
            raise ValueError(f"`decay` must be from 0 to 1, not {decay!r}")
        if not isinstance(warmup, bool):
            raise TypeError(f"`warmup` must be True or False, not {warmup!r}")
        whole_number("start_step", start_step, at_least=0)
        whole_number("every", every, at_least=1)
        super().__init__(
            use_buffers=use_buffers, swap_at_end=swap_at_end, until_epoch_end=until_epoch_end
        )
        self.decay = float(decay)
        self.warmup = warmup
        self.start_step = start_step
        self.every = every

    def decay_at(self, update: int) -> float:
        """Return the decay of an update, counted from 1."""
        return min(self.decay, (1 + update) / (10 + update)) if self.warmup else self.decay

    def average_of(self, network: torch.nn.Module) -> Average:
        """Return a new average, which begins as the weights are."""
        return Average(
            network, self._move, buffers=self.use_buffers, average_buffers=self.use_buffers
        )

    def _move(self, averaged: Any, current: Any, updates: Any) -> None:
        decay = self.decay_at((self.steps - self.start_step) // self.every - 1)
        move = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]  # torch has no types for it
        move(averaged, current, updates)

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Update, if the optimizer has stepped."""
        before = self.steps - self.start_step
        self.steps += self._watched.take()
        after = self.steps - self.start_step
        if after > 0 and after // self.every > max(before, 0) // self.every:
            self.average_now()
