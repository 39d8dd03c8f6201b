# SPDX-License-Identifier: MIT
"""What all averages of weights have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch

from callbacks_core import Callback, Logs, OptimizerSteps, State

from ._average import Average


class AveragedWeights(Callback):
    """Keep an average of the weights, and evaluate under it.

    The training itself is not touched: from the beginning of a validation, a test or a prediction
    to its end the network has the averaged weights, and then its own again, bit for bit, also
    after an exception. Before the first average there is nothing to swap. A test or a prediction
    is done under the average when this callback is passed to it.

    A subclass says when to average, by calling `average_now`, and how, in `average_of`.

    Args:
        use_buffers: Whether to average the buffers too, such as the statistics of batch
            normalization; otherwise the network's own are evaluated with.
        swap_at_end: Whether the network has the averaged weights for good when training ends.
        until_epoch_end: Whether a validated epoch keeps the averaged weights in the network until
            this callback's own `on_epoch_end`. Savers before it in the list, such as
            ``BestModelRestore``, then keep the weights that were validated; otherwise, and after
            it in the list, they see those that are trained.

    Raises:
        TypeError: An option is not True or False.

    Attributes:
        steps: The steps of the optimizer, as far as they count for the average.
    """

    def __init__(self, *, use_buffers: bool, swap_at_end: bool, until_epoch_end: bool) -> None:
        options = {
            "use_buffers": use_buffers,
            "swap_at_end": swap_at_end,
            "until_epoch_end": until_epoch_end,
        }
        for name, value in options.items():
            if not isinstance(value, bool):
                raise TypeError(f"`{name}` must be True or False, not {value!r}")
        self.use_buffers = use_buffers
        self.swap_at_end = swap_at_end
        self.until_epoch_end = until_epoch_end
        self.steps = 0
        self._watched = OptimizerSteps()
        self._average: Average | None = None
        self._restored: State | None = None

    @abstractmethod
    def average_of(self, network: torch.nn.Module) -> Average:
        """Return a new average of *network*'s weights."""

    def average_now(self) -> None:
        """Take the network's present weights into the average."""
        if self._average is None:
            self._average = self.average_of(self.model.network)
        self._average.update()

    def before_evaluation(self, average: Average) -> None:
        """Do what is left to do when the network has just been given the averaged weights."""

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the network the averaged weights within a ``with``, and its own back then.

        It is for what no hook is called for, such as ``torch.save(network.state_dict(), file)``.
        """
        self._swap_in()
        try:
            yield
        finally:
            self._swap_out()

    def _swap_in(self) -> None:
        self._take_up()
        average = self._average
        if average is None or average.is_in or average.network is not self.model.network:
            return
        average.put_in()
        self.before_evaluation(average)

    def _swap_out(self) -> None:
        if self._average is not None:
            self._average.take_out()

    def _take_up(self) -> None:
        restored, self._restored = self._restored, None
        if restored is not None:
            self.take_up(restored)

    def take_up(self, state: State) -> None:
        """Take up a state that was loaded, now that there is a network.

        Raises:
            ValueError: It is that of another network.
        """
        self.steps, self._average = int(state["steps"]), None
        if state["averaged"] is not None:
            self._average = self.average_of(self.model.network)
            self._average.load_state_dict(state["averaged"])

    def on_train_begin(self, logs: Logs) -> None:
        """Begin anew, or go on from a restored state.

        Raises:
            ValueError: There is no optimizer, or the state is that of another network.
        """
        if self.model.optimizer is None:
            raise ValueError(f"{type(self).__name__} needs an optimizer, and the model has none")
        self.steps, self._average = 0, None
        self._take_up()
        self._watched.watch(self.model.optimizer)

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Forget steps that were taken before this callback was heard, under a `DelayCallback`."""
        self._swap_out()
        self._watched.take()

    def on_valid_begin(self, logs: Logs) -> None:
        """Swap the averaged weights in."""
        self._swap_in()

    def on_valid_end(self, logs: Logs) -> None:
        """Swap back, unless they are to stay a little."""
        if not self.until_epoch_end:
            self._swap_out()

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Swap back."""
        self._swap_out()

    def on_test_begin(self, logs: Logs) -> None:
        """Swap the averaged weights in."""
        self._swap_in()

    def on_test_end(self, logs: Logs) -> None:
        """Swap back."""
        self._swap_out()

    def on_predict_begin(self, logs: Logs) -> None:
        """Swap the averaged weights in."""
        self._swap_in()

    def on_predict_end(self, logs: Logs) -> None:
        """Swap back."""
        self._swap_out()

    def on_train_end(self, logs: Logs) -> None:
        """Swap the averaged weights in for good, if that is asked for."""
        self._watched.release()
        if self.swap_at_end and self._average is not None:
            self._swap_in()
            self._average.leave_in()

    def on_exception(self, exception: BaseException) -> None:
        """Swap back."""
        self._swap_out()

    def close(self) -> None:
        """Swap back, and let go of the optimizer."""
        self._watched.release()
        self._swap_out()

    def state_dict(self) -> State:
        """Return the averaged weights and the number of steps; the network's are its own state."""
        if self._restored is not None:
            return deepcopy(self._restored)
        averaged = None if self._average is None else self._average.state_dict()
        return {"steps": self.steps, "averaged": averaged}

    def load_state_dict(self, state: State) -> None:
        """Take up a state; the next training goes on from it, and an evaluation is under it."""
        self._restored = deepcopy(state)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle and copy the arguments and what was loaded, without the network."""
        return {**super().__getstate__(), "_average": None}
