# SPDX-License-Identifier: MIT
"""What the loggers of gradients share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from callbacks_core import whole_number

from .observed import Observed, Reading, Update
from .observer import GradientObserver
from .rows import FROM_MEASURES

if TYPE_CHECKING:
    from callbacks_core import Logs, State

Statistics: TypeAlias = "dict[str, dict[str, float]]"
"""By the name of a parameter its statistics, by their names."""


class GradientLogger(GradientObserver):
    """Logs statistics of each parameter's gradient in each optimizer step, or one in *every*.

    There are ``mean``, ``std`` and ``var`` of the absolute values, ``min`` and ``max``,
    ``abs_min`` and ``abs_max``, and the norms: ``l1``, ``l2``, ``linf``. They are computed on the
    device, many parameters at a time, come over in one transfer for all of them, and are written
    by a thread of the logger's own. A parameter without a gradient is left out.

    The gradients are looked at when they are complete and unscaled, as they are at this place in
    the list of callbacks: clipped behind a `ClipNorm`. A loop written by hand has to call
    ``loop.backward_end()``.

    Args:
        keep_bias: Whether to log parameters whose names contain ``bias``.
        norm_type: The orders of the norms, or one of them.
        every: Look at one in so many optimizer steps, the first one of an epoch among them.
        update_ratio: Whether to log, as ``update_ratio``, the norm of the step in relation to
            that of the weight before it; about a thousandth is usual. It takes a copy of the
            weights while a step that is looked at is made.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *every* is less than one, or an order is not positive.
    """

    def __init__(
        self,
        *,
        keep_bias: bool = False,
        norm_type: float | Iterable[float] = (1, 2, float("inf")),
        every: int = 1,
        update_ratio: bool = False,
    ) -> None:
        super().__init__(keep_bias=keep_bias)
        whole_number("every", every, at_least=1)
        if not isinstance(update_ratio, bool):
            raise TypeError(f"`update_ratio` must be True or False, not {update_ratio!r}")
        self.norm_type = _orders(norm_type)
        self.every = every
        self.update_ratio = update_ratio
        self._seen = 0  # steps of this epoch
        self._goes_on = False
        self._batch = 0
        self._update: Update | None = None
        self._pending: tuple[int, int, Reading, list[str]] | None = None

    @abstractmethod
    def write_gradients(self, epoch: int, batch: int, step: int, statistics: Statistics) -> None:
        """Write the statistics of a step. Called by the logger's own thread.

        Args:
            epoch: The epoch's number.
            batch: The number of the batch that the step was made with.
            step: The number of the step since training began.
            statistics: The statistics of each parameter that had a gradient.
        """

    def observes(self) -> Sequence[float]:
        """Return the orders of norms that do not follow from the other statistics."""
        return [order for order in self.norm_type if order not in FROM_MEASURES]

    def listens_to(self, hook: str) -> bool:
        """Whether *hook* matters; the ends of batches do for what a step has changed."""
        if hook == "on_train_batch_end":
            return self.update_ratio
        return super().listens_to(hook)

    def on_backward_end(self, batch_number: int) -> None:
        """Look at the gradients, if it is their turn."""
        self._batch = batch_number
        super().on_backward_end(batch_number)

    def look(self, observed: Observed) -> None:
        """Measure the gradients, and hand the measures over."""
        self._train.step += 1
        self._seen += 1
        if (self._seen - 1) % self.every:
            return
        reading = Reading(observed.measure())
        self._pending = (self._batch, self._train.step, reading, observed.names)
        if self.update_ratio:
            self._update = Update(observed)
        else:
            self._put(None)

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Measure how far the step has moved the weights."""
        super().on_train_batch_end(batch_number, logs)
        update, self._update = self._update, None
        if update is not None:
            self._put(Reading(update.ratios()))

    def _put(self, ratios: Reading | None) -> None:
        pending, self._pending = self._pending, None
        if pending is None or self._session is None:
            return
        epoch, (batch, step, reading, names) = self._epoch, pending

        def write() -> None:
            found = reading.statistics(self.norm_type)
            for index, ratio in (ratios.values() if ratios is not None else {}).items():
                found[index]["update_ratio"] = ratio
            self.write_gradients(epoch, batch, step, {names[i]: row for i, row in found.items()})

        self._session.put(write)

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Hand over a step that no batch has ended."""
        self._put(None)
        self._seen, self._update = 0, None
        super().on_epoch_end(epoch_number, logs)

    def on_train_begin(self, logs: Logs) -> None:
        """Open the sink, and find the parameters."""
        if not self._goes_on:
            self._seen = 0
        self._goes_on = False
        self._pending = self._update = None
        super().on_train_begin(logs)

    def state_dict(self) -> State:
        """Return how many steps there were, and what the sink needs, once all is written."""
        state = super().state_dict()
        return {**state, "seen": self._seen} if self._seen else state

    def load_state_dict(self, state: State) -> None:
        """Go on with the same sink when training begins next."""
        super().load_state_dict(state)
        self._seen = int(state.get("seen", 0))
        self._goes_on = True

    def __getstate__(self) -> dict[str, object]:
        """Copy and pickle without what is under way."""
        return {**super().__getstate__(), "_update": None, "_pending": None}


def _orders(norm_type: object) -> tuple[float, ...]:
    several = isinstance(norm_type, Iterable) and not isinstance(norm_type, str)
    orders = []
    for order in norm_type if several else (norm_type,):  # type: ignore[attr-defined]  # it is
        if isinstance(order, bool) or not isinstance(order, int | float):
            raise TypeError(f"`norm_type` must be a number, or several, not {norm_type!r}")
        if not order > 0:
            raise ValueError(f"`norm_type` must be more than zero, not {order!r}")
        orders.append(order)
    return tuple(orders)
