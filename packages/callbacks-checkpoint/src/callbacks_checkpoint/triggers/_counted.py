# SPDX-License-Identifier: MIT
"""Triggers that count."""

from __future__ import annotations

from callbacks_core import State, whole_number

from ._trigger import Trigger


class EveryEpochs(Trigger):
    """Goes off at the end of every so many epochs, counted from epoch 1.

    Args:
        count: How many.

    Raises:
        TypeError: *count* is not a whole number.
        ValueError: It is less than 1.
    """

    agreed = True

    def __init__(self, count: int = 1) -> None:
        whole_number("count", count, at_least=1)
        self.count = count

    def after_epoch(self, epoch_number: int) -> bool:
        return epoch_number % self.count == 0


class EveryBatches(Trigger):
    """Goes off after every so many training batches, counted over all epochs.

    With accumulated gradients it counts optimizer steps: between two batches of one step there is
    nothing to save. The count is state.

    Args:
        count: How many.

    Raises:
        TypeError: *count* is not a whole number.
        ValueError: It is less than 1.
    """

    within_epochs = True
    agreed = True

    def __init__(self, count: int) -> None:
        whole_number("count", count, at_least=1)
        self.count = count
        self._batches = 0

    def begin(self, *, resumed: bool) -> None:
        if not resumed:
            self._batches = 0

    def after_batch(self) -> bool:
        self._batches += 1
        return self._batches % self.count == 0

    def state_dict(self) -> State:
        return {"batches": self._batches}

    def load_state_dict(self, state: State) -> None:
        self._batches = int(state["batches"])
