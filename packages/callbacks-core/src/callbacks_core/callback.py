# SPDX-License-Identifier: MIT
"""The base class of every callback."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .errors import NotAttachedError

if TYPE_CHECKING:
    from .callback_list import CallbackList
    from .logs import Logs
    from .model_like import ModelLike

FailurePolicy: TypeAlias = Literal["raise", "warn", "disable"]
State: TypeAlias = dict[str, Any]


class Callback(ABC):
    """Something that a training loop tells what it is doing.

    Override the hooks you need; a hook that nobody overrides costs the loop nothing. Epochs and
    batches count from 1. This is the order of the hooks::

        train_begin
          · [ epoch_begin
                · { train_batch_begin · backward_end · train_batch_end · batch_settled }*
                · ( valid_begin · { valid_batch_begin · valid_batch_end }* · valid_end )?
                · epoch_end · settled ]*
          · train_end
          · close

    When anything raises, Ctrl-C included, the rest is skipped and `on_exception` comes instead;
    `close` comes always, and once. Setting ``self.model.stop_training = True`` in an epoch ends
    its batches; the epoch is still validated and closed. With gradient accumulation
    `on_backward_end` and `on_batch_settled` come once per optimizer step. Testing and predicting
    run ``test_begin · { test_batch_begin · test_batch_end }* · test_end · close``, and likewise
    with ``predict``.

    There is no ``__init__`` to forget: a subclass need not call ``super().__init__()``.

    Attributes:
        on_error: What a failure in one of the hooks does to the run. ``"raise"`` ends it: right
            for what steers training, and the default. ``"warn"`` reports every failure and goes
            on: right for savers. ``"disable"`` reports the first one, and switches the callback
            off for the rest of the run after three failures, those of a hook that has worked
            since not counted: right for observers. A `FatalCallbackError`, Ctrl-C and
            `SystemExit` end the run under every policy.
    """

    on_error: FailurePolicy = "raise"

    _model: ModelLike | None = None
    _params: dict[str, Any] | None = None

    @property
    def model(self) -> ModelLike:
        """What is being trained: its ``network``, ``optimizer`` and ``stop_training``.

        Raises:
            NotAttachedError: No loop has taken this callback yet.
        """
        if self._model is None:
            raise NotAttachedError(_not_attached(self, "model"))
        return self._model

    @property
    def params(self) -> Mapping[str, Any]:
        """What is known of the run: ``epochs``, ``steps`` and ``valid_steps`` while training.

        ``valid_steps`` is there only with validation, and a number of steps is None when the
        loader does not tell its length. Testing and predicting have ``steps`` only.

        Raises:
            NotAttachedError: No loop has taken this callback yet.
        """
        if self._params is None:
            raise NotAttachedError(_not_attached(self, "params"))
        return self._params

    def __getstate__(self) -> dict[str, Any]:
        """Pickle and copy without the model, which is not the callback's own."""
        return {
            name: value for name, value in vars(self).items() if name not in ("_model", "_params")
        }

    def set_model(self, model: ModelLike) -> None:
        """Attach *model*; a loop calls this before the first hook."""
        self._model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Attach *params*; a loop calls this after `set_model` and before the first hook."""
        self._params = params

    def set_callbacks(self, callbacks: CallbackList) -> None:
        """Learn in which list it stands, which knows how long each callback takes.

        A list calls this before the first hook of a run.
        """

    def on_train_begin(self, logs: Logs) -> None:
        """Training begins. *logs* is empty."""

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """An epoch begins. *logs* is empty."""

    def on_train_batch_begin(self, batch_number: int, logs: Logs) -> None:
        """A training batch has been fetched. *logs* is empty."""

    def on_backward_end(self, batch_number: int) -> None:
        """The gradients are complete and unscaled, and the optimizer has not stepped yet."""

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """A training batch is done; its gradients are still there.

        Args:
            batch_number: The batch's number in this epoch.
            logs: ``batch``, ``size``, ``time`` (seconds since the last batch ended, the wait for
                the loader included), ``loss`` and the batch metrics, of this batch alone. Tensor
                values are read from the device when the first of them is read.
        """

    def on_valid_begin(self, logs: Logs) -> None:
        """The validation within an epoch begins. *logs* is empty."""

    def on_valid_batch_begin(self, batch_number: int, logs: Logs) -> None:
        """A validation batch has been fetched. *logs* is empty."""

    def on_valid_batch_end(self, batch_number: int, logs: Logs) -> None:
        """A validation batch is done; *logs* are as in training, values prefixed ``val_``."""

    def on_valid_end(self, logs: Logs) -> None:
        """The validation is done; *logs* has ``time``, ``val_loss`` and the ``val_`` metrics."""

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """An epoch is done.

        Args:
            epoch_number: The epoch's number.
            logs: ``epoch``, ``time``, ``loss``, the metrics, and with validation the same under
                ``val_``: plain numbers. All callbacks share this dict and it becomes the
                epoch's entry in the history, so what one adds, the next ones see.
        """

    def on_train_end(self, logs: Logs) -> None:
        """Training is done, or was stopped; not called after an exception. *logs* is empty."""

    def on_test_begin(self, logs: Logs) -> None:
        """Testing begins. *logs* is empty."""

    def on_test_batch_begin(self, batch_number: int, logs: Logs) -> None:
        """A test batch has been fetched. *logs* is empty."""

    def on_test_batch_end(self, batch_number: int, logs: Logs) -> None:
        """A test batch is done; *logs* are as in training, values prefixed ``test_``."""

    def on_test_end(self, logs: Logs) -> None:
        """Testing is done; *logs* has ``time``, ``test_loss`` and the ``test_`` metrics."""

    def on_predict_begin(self, logs: Logs) -> None:
        """Predicting begins. *logs* is empty."""

    def on_predict_batch_begin(self, batch_number: int, logs: Logs) -> None:
        """A batch to predict has been fetched. *logs* is empty."""

    def on_predict_batch_end(self, batch_number: int, logs: Logs) -> None:
        """A batch is predicted; *logs* has ``batch``, ``size`` and ``time``."""

    def on_predict_end(self, logs: Logs) -> None:
        """Predicting is done; *logs* has ``time``."""

    def on_batch_settled(self, batch_number: int, logs: Logs) -> None:
        """An optimizer step is over and every `on_train_batch_end` has run.

        This is the moment for a save in the middle of an epoch: no gradient is in flight, and
        counters and schedules have moved. *logs* are those of `on_train_batch_end`. It does not
        come after a batch that was stopped and whose epoch is abandoned (`abandons_epoch`).
        """

    def on_settled(self, epoch_number: int, logs: Logs) -> None:
        """An epoch is over and every `on_epoch_end` has run, whatever the order of the list.

        This is the moment for what must see the settled state: the save of the whole run, and
        the removal of what it replaces.
        """

    def on_exception(self, exception: BaseException) -> None:
        """Something raised *exception*, and the run ends with it; Ctrl-C counts."""

    def close(self) -> None:
        """Let go of files, threads and connections. Called once per run, however it ended."""

    def abandons_epoch(self) -> bool:
        """Whether this epoch must not be validated, closed or saved; asked after its batches.

        A True answer ends training: no validation, no `on_epoch_end`, no `on_settled`. It is for
        weights that are beyond use, such as those after a loss that is not a number.
        """
        return False

    def listens_to(self, hook: str) -> bool:
        """Whether *hook* does anything here; a loop skips the others.

        A wrapper overrides this to answer for the callbacks that it wraps.

        Args:
            hook: One of `callbacks_core.HOOKS`.
        """
        return hook in vars(self) or getattr(type(self), hook) is not getattr(Callback, hook)

    @property
    def state_key(self) -> str:
        """The name under which a checkpoint keeps this callback's state."""
        return type(self).__name__

    def state_dict(self) -> State:
        """Return what was learnt so far, in plain types and tensors; empty when nothing is."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Take up a state that `state_dict` returned; the next training continues from it."""


def _not_attached(callback: Callback, what: str) -> str:
    return (
        f"{type(callback).__name__}.{what} is not there yet: pass the callback to a training "
        f"loop, or call set_{what}() first"
    )
