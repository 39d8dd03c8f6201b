# SPDX-License-Identifier: MIT
"""Processes that save together, and have to go off together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import torch
from torch import distributed

from callbacks_core import State, world_size

from ._any import AnyTrigger
from ._signal import OnSignal
from ._trigger import Trigger

_Exchange: TypeAlias = Callable[[Sequence[int]], list[int]]


class AgreedTrigger(Trigger):
    """Goes off in all processes when it does in one of them.

    At each boundary they tell each other, two bytes through the processor's memory, so that no
    device is waited for. A signal that came to one of them counts as come to all, and is carried
    out when the last of them is done with the save.

    Args:
        trigger: What each of them asks.
    """

    def __init__(self, trigger: Trigger) -> None:
        self.trigger = trigger
        self.within_epochs = trigger.within_epochs
        self._exchange: _Exchange = list

    def begin(self, *, resumed: bool) -> None:
        self._exchange = _exchange()
        self.trigger.begin(resumed=resumed)

    def after_batch(self) -> bool:
        return self._agreed(self.trigger.after_batch())

    def after_epoch(self, epoch_number: int) -> bool:
        return self._agreed(self.trigger.after_epoch(epoch_number))

    def _agreed(self, own: bool) -> bool:
        watching = [each for each in members(self) if isinstance(each, OnSignal)]
        pending = max((each.pending or 0 for each in watching), default=0)
        due, number = self._exchange([own, pending])
        for each in watching:
            if number in each.signals:
                each.receive(number)
        return bool(due)

    def after_exception(self, exception: BaseException) -> bool:
        return self.trigger.after_exception(exception)

    def done(self, *, saved: bool) -> None:
        self._exchange([0, 0])  # nobody ends its process while another one is writing
        self.trigger.done(saved=saved)

    def end(self) -> None:
        self._exchange = list
        self.trigger.end()

    def state_dict(self) -> State:
        return self.trigger.state_dict()

    def load_state_dict(self, state: State) -> None:
        self.trigger.load_state_dict(state)

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle the triggers, without what connects processes."""
        return {**vars(self), "_exchange": list}


def members(trigger: Trigger) -> Iterator[Trigger]:
    """Yield the triggers that a trigger is made of."""
    if isinstance(trigger, AgreedTrigger):
        yield from members(trigger.trigger)
    elif isinstance(trigger, AnyTrigger):
        for each in trigger.triggers:
            yield from members(each)
    else:
        yield trigger


def in_step(trigger: Trigger) -> Trigger:
    """Return a trigger that goes off in all processes at once: that itself, where it does."""
    if isinstance(trigger, AgreedTrigger):
        trigger = trigger.trigger
    alone = world_size() == 1 or not (distributed.is_available() and distributed.is_initialized())
    if alone or all(each.agreed for each in members(trigger)):
        return trigger
    return AgreedTrigger(trigger)


def _exchange() -> _Exchange:
    """Return what tells all processes the largest of the numbers that each has."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return list
    has_gloo = "gloo" in str(distributed.get_backend_config())
    group = None if has_gloo else distributed.new_group(backend="gloo")

    def largest(numbers: Sequence[int]) -> list[int]:
        told = torch.tensor(numbers, dtype=torch.uint8)
        distributed.all_reduce(told, distributed.ReduceOp.MAX, group=group)
        return told.tolist()

    return largest
