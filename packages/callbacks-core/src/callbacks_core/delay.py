# SPDX-License-Identifier: MIT
"""Callbacks that start later."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .callback import Callback, State
from .callback_list import CallbackList
from .errors import whole_number

if TYPE_CHECKING:
    from .logs import Logs
    from .model_like import ModelLike


class DelayCallback(Callback):
    """Keep callbacks quiet for the first epochs or batches of training.

    Until the delay has passed they hear of the beginning and the end of training only. When a
    delay in batches ends within an epoch, `on_epoch_begin` is called right before the batch, so
    that their hooks balance. Testing and predicting are not delayed.

    Args:
        callbacks: The callback, or several.
        epoch_delay: Epochs with a number above this are heard.
        batch_delay: Batches after this many are heard, counted over all epochs of the training.
            When both delays are given, both must have passed.

    Raises:
        TypeError: A delay is not a whole number, or *callbacks* are no callbacks.
        ValueError: A delay is negative.
    """

    def __init__(
        self,
        callbacks: Callback | Iterable[Callback],
        *,
        epoch_delay: int | None = None,
        batch_delay: int | None = None,
    ) -> None:
        for name, delay in (("epoch_delay", epoch_delay), ("batch_delay", batch_delay)):
            if delay is not None:
                whole_number(name, delay, at_least=0)
        if callbacks is None:
            raise TypeError("`callbacks` must be a callback or a list of some, not None")
        self.callbacks = (
            callbacks if isinstance(callbacks, CallbackList) else CallbackList(callbacks)
        )
        self.epoch_delay = epoch_delay or 0
        self.batch_delay = batch_delay or 0
        self._restored = False
        self._reset()

    def _reset(self) -> None:
        self._epoch = 0
        self._batches = 0
        self._heard = False

    def _passes(self, batch: int) -> bool:
        return self._epoch > self.epoch_delay and batch > self.batch_delay

    def listens_to(self, hook: str) -> bool:
        """Whether the hook matters for counting, or to one of the wrapped callbacks."""
        if hook in ("on_train_begin", "on_epoch_begin"):
            return True
        if hook == "on_train_batch_begin" and self.batch_delay:
            return True
        return self.callbacks.listens_to(hook)

    def set_model(self, model: ModelLike) -> None:
        """Attach *model* to the wrapped callbacks."""
        super().set_model(model)
        self.callbacks.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Attach *params* to the wrapped callbacks."""
        super().set_params(params)
        self.callbacks.set_params(params)

    def on_train_begin(self, logs: Logs) -> None:
        """Start counting, and forward."""
        if not self._restored:
            self._reset()
        self._restored = False
        self.callbacks.on_train_begin(logs)

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Forward, if the epoch's first batch is to be heard."""
        self._epoch = epoch_number
        self._heard = self._passes(self._batches + 1)
        if self._heard:
            self.callbacks.on_epoch_begin(epoch_number, logs)

    def on_train_batch_begin(self, batch_number: int, logs: Logs) -> None:
        """Count, and forward from the first batch to be heard."""
        self._batches += 1
        if not self._heard and self._passes(self._batches):
            self._heard = True
            self.callbacks.on_epoch_begin(self._epoch, {})
        if self._heard:
            self.callbacks.on_train_batch_begin(batch_number, logs)

    def on_backward_end(self, batch_number: int) -> None:
        """Forward once the delay has passed."""
        if self._heard:
            self.callbacks.on_backward_end(batch_number)

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Forward once the delay has passed."""
        if self._heard:
            self.callbacks.on_train_batch_end(batch_number, logs)

    def on_batch_settled(self, batch_number: int, logs: Logs) -> None:
        """Forward once the delay has passed."""
        if self._heard:
            self.callbacks.on_batch_settled(batch_number, logs)

    def on_valid_begin(self, logs: Logs) -> None:
        """Forward once the delay has passed."""
        if self._heard:
            self.callbacks.on_valid_begin(logs)

    def on_valid_batch_begin(self, batch_number: int, logs: Logs) -> None:
        """Forward once the delay has passed."""
        if self._heard:
            self.callbacks.on_valid_batch_begin(batch_number, logs)

    def on_valid_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Forward once the delay has passed."""
        if self._heard:
            self.callbacks.on_valid_batch_end(batch_number, logs)

    def on_valid_end(self, logs: Logs) -> None:
        """Forward once the delay has passed."""
        if self._heard:
            self.callbacks.on_valid_end(logs)

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Forward once the delay has passed."""
        if self._heard:
            self.callbacks.on_epoch_end(epoch_number, logs)

    def on_settled(self, epoch_number: int, logs: Logs) -> None:
        """Forward once the delay has passed."""
        if self._heard:
            self.callbacks.on_settled(epoch_number, logs)

    def abandons_epoch(self) -> bool:
        """Ask the wrapped callbacks once the delay has passed."""
        return self._heard and self.callbacks.abandons_epoch()

    def on_train_end(self, logs: Logs) -> None:
        """Forward."""
        self.callbacks.on_train_end(logs)

    def on_test_begin(self, logs: Logs) -> None:
        """Forward."""
        self.callbacks.on_test_begin(logs)

    def on_test_batch_begin(self, batch_number: int, logs: Logs) -> None:
        """Forward."""
        self.callbacks.on_test_batch_begin(batch_number, logs)

    def on_test_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Forward."""
        self.callbacks.on_test_batch_end(batch_number, logs)

    def on_test_end(self, logs: Logs) -> None:
        """Forward."""
        self.callbacks.on_test_end(logs)

    def on_predict_begin(self, logs: Logs) -> None:
        """Forward."""
        self.callbacks.on_predict_begin(logs)

    def on_predict_batch_begin(self, batch_number: int, logs: Logs) -> None:
        """Forward."""
        self.callbacks.on_predict_batch_begin(batch_number, logs)

    def on_predict_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Forward."""
        self.callbacks.on_predict_batch_end(batch_number, logs)

    def on_predict_end(self, logs: Logs) -> None:
        """Forward."""
        self.callbacks.on_predict_end(logs)

    def on_exception(self, exception: BaseException) -> None:
        """Forward."""
        self.callbacks.on_exception(exception)

    def close(self) -> None:
        """Forward."""
        self.callbacks.close()

    def state_dict(self) -> State:
        """Return the number of batches begun, and the states of the wrapped callbacks."""
        return {"batches": self._batches, "callbacks": self.callbacks.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Take up the count and the states of the wrapped callbacks."""
        self._batches = int(state["batches"])
        self.callbacks.load_state_dict(state["callbacks"])
        self._restored = True
