# SPDX-License-Identifier: MIT
"""Torch's two composed schedulers, made to nest.

Torch's own do what these do as long as their parts are simple schedulers. A composed one inside
of them begins a step late, or fails at a milestone, as they ask it for values of its own.
"""

from __future__ import annotations

import warnings
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ._rates import get_initial_rates, get_rates, set_rates


class Composed(LRScheduler):
    """A scheduler made of others on one optimizer."""

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler]) -> None:
        # Not torch's own, which would take a first step.
        self.optimizer = optimizer
        self._schedulers = list(schedulers)

    def begin(self) -> None:
        """Take the first step anew, on the learning rates that there are."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """Return the state, with those of the parts."""
        own = {k: v for k, v in vars(self).items() if k not in ("optimizer", "_schedulers")}
        return {**own, "_schedulers": [part.state_dict() for part in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a state, with those of the parts."""
        own = dict(state_dict)
        for part, state in zip(self._schedulers, own.pop("_schedulers"), strict=True):
            part.load_state_dict(state)
        vars(self).update(own)


class Sequential(Composed):
    """One scheduler after the other."""

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        super().__init__(optimizer, schedulers)
        self._milestones = list(milestones)
        _reset(optimizer)
        self.begin()
        self.last_epoch = last_epoch + 1

    def begin(self) -> None:
        """Begin the first part."""
        self.last_epoch = 0
        begin_first(self._schedulers[0])
        self._last_lr = list(get_rates(self.optimizer))

    def step(self, epoch: int | None = None) -> None:
        """Step the part whose turn it is, or begin it at its milestone."""
        self.last_epoch += 1
        index = bisect_right(self._milestones, self.last_epoch)
        if index > 0 and self._milestones[index - 1] == self.last_epoch:
            _begin_later(self._schedulers[index])
        else:
            self._schedulers[index].step()
        self._last_lr = list(get_rates(self.optimizer))


class Chained(Composed):
    """Several schedulers at once, one on top of the other."""

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler]) -> None:
        super().__init__(optimizer, schedulers)
        self.last_epoch = 0
        self._last_lr = list(get_rates(optimizer))

    def begin(self) -> None:
        """Begin every part."""
        self.last_epoch = 0
        for part in self._schedulers:
            begin_first(part)
        self._last_lr = list(get_rates(self.optimizer))

    def step(self, epoch: int | None = None) -> None:
        """Step every part."""
        self.last_epoch += 1
        for part in self._schedulers:
            part.step()
        self._last_lr = list(get_rates(self.optimizer))


def _reset(optimizer: Optimizer) -> None:
    """Set the learning rates that training began with."""
    rates = zip(get_initial_rates(optimizer), get_rates(optimizer), strict=True)
    set_rates(optimizer, [rate if initial is None else initial for initial, rate in rates])


def begin_first(part: LRScheduler) -> None:
    """Have a part that was built take its first step again, on the rates that there are."""
    if isinstance(part, Composed):
        part.begin()
        return
    part.last_epoch -= 1
    part._initial_step()


def _begin_later(part: LRScheduler) -> None:
    """Have a part that has waited for its milestone set its first value."""
    if isinstance(part, Composed):
        _reset(part.optimizer)
        part.begin()
        return
    if hasattr(part, "_update_lr"):
        part._update_lr(0)
        return
    with warnings.catch_warnings():  # in older torch, the way that is deprecated for others
        warnings.simplefilter("ignore", UserWarning)
        part.step(0)
