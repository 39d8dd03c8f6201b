# SPDX-License-Identifier: MIT
"""Callbacks through which processes that train together keep in step."""

from __future__ import annotations

from collections.abc import Callable

import torch

from callbacks_core import Callback, CallbackList, Logs, stop_reason, stop_training

from ..seeds import set_seeds
from ._group import Group
from ._loaders import set_epoch


def listening_together(
    callbacks: CallbackList, group: Group | None, loader: object = None
) -> CallbackList:
    """Return callbacks with, around them, those that keep processes in step.

    Args:
        callbacks: What the user wants called.
        group: The processes; None for a single one, which needs nothing.
        loader: The training batches, whose samplers are told of each epoch.
    """
    if group is None:
        return callbacks
    first = _BeforeOthers(group, lambda epoch: set_epoch(loader, epoch))
    return CallbackList([first, callbacks, _AfterOthers(group, callbacks)])


class _BeforeOthers(Callback):
    """Gives all processes the same logs, and each its own random numbers."""

    def __init__(self, group: Group, begin_epoch: Callable[[int], None]) -> None:
        self._group = group
        self._begin_epoch = begin_epoch

    def on_train_begin(self, logs: Logs) -> None:
        """Seed the other processes anew where all have the seed of rank 0."""
        seed = torch.initial_seed()
        if self._group.gather(seed)[0] == seed and self._group.rank:
            set_seeds((seed + self._group.rank) % 2**32)

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Tell the samplers which epoch it is."""
        self._begin_epoch(epoch_number)

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Take over the logs of rank 0; only times can differ."""
        logs.update(self._group.gather(dict(logs))[0])


class _AfterOthers(Callback):
    """Makes a stop in one process a stop in all, after the same batch or the same epoch.

    It costs one exchange of two bytes through the CPU for each batch.
    """

    def __init__(self, group: Group, others: CallbackList) -> None:
        self._group = group
        self._others = others
        self._abandons = False

    def on_train_begin(self, logs: Logs) -> None:
        """Forget an earlier run."""
        self._abandons = False
        self._agree()

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Agree on whether to stop, and whether anything of the epoch is to be kept."""
        self._agree()

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Take over what callbacks have added on rank 0, and agree on whether to stop."""
        logs.update(self._group.gather(dict(logs))[0])
        self._agree()

    def on_settled(self, epoch_number: int, logs: Logs) -> None:
        """Agree on a stop that came after the epoch's end."""
        self._agree()

    def abandons_epoch(self) -> bool:
        """Whether any process throws the epoch away."""
        return self._abandons

    def _agree(self) -> None:
        own = bool(self.model.stop_training)
        stops, self._abandons = self._group.any(own, own and self._others.abandons_epoch())
        if not stops:
            return
        reasons = self._group.gather(stop_reason(self.model))
        if not own:
            stop_training(self.model, next(filter(None, reasons), "another process stopped"))
