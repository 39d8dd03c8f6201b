# SPDX-License-Identifier: MIT
"""Save the state of a learning-rate scheduler, or of any other callback that learns."""

from __future__ import annotations

from typing import Any, Unpack

from callbacks_core import Callback, Logs, ModelLike, PathLike, State

from ._options import SaveOptions
from .periodic_state_save import PeriodicStateSave

_OWN_HOOKS = (
    "on_train_begin",
    "on_epoch_begin",
    "on_batch_settled",
    "on_epoch_end",
    "on_train_end",
    "on_exception",
    "close",
)


class LRSchedulerCheckpoint(PeriodicStateSave):
    """Save the state of a learning-rate scheduler.

    It runs the scheduler, which must not be in the list of callbacks as well: each hook goes to
    the scheduler first, so that what is saved is its state after the step. Any callback that has
    a state will do. Load a file with ``lr_scheduler.load_state(filename)``, or with
    ``callback.load_state_dict(load_checkpoint(filename))``.

    Args:
        lr_scheduler: The callback.
        filename: The file's path, with or without fields.
        **options: Those of `PeriodicSaveCallback`.

    Raises:
        TypeError: As for `PeriodicSaveCallback`.
        ValueError: *lr_scheduler* is no callback with a state, or as for `PeriodicSaveCallback`.
    """

    def __init__(
        self, lr_scheduler: Callback, filename: PathLike, **options: Unpack[SaveOptions]
    ) -> None:
        if not _learns(lr_scheduler):
            raise ValueError(
                f"Unknown scheduler callback {lr_scheduler!r}: it must be an instance of a "
                f"callback with a state_dict()"
            )
        super().__init__(filename, **options)
        self.lr_scheduler = lr_scheduler

    def state_to_save(self) -> Any:
        """Return the scheduler's state."""
        return self.lr_scheduler.state_dict()

    def restore_state(self, state: Any) -> None:
        """Give the scheduler a saved state."""
        self.lr_scheduler.load_state_dict(state)

    def state_dict(self) -> State:
        """Return what is on disk, and the scheduler's state."""
        return {**super().state_dict(), "lr_scheduler": self.lr_scheduler.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Take up what is on disk, and give the scheduler its state."""
        super().load_state_dict(state)
        self.lr_scheduler.load_state_dict(state["lr_scheduler"])

    def listens_to(self, hook: str) -> bool:
        """Whether *hook* matters to the saver or to the scheduler."""
        if self.lr_scheduler.listens_to(hook):
            return True
        return hook in _OWN_HOOKS and super().listens_to(hook)

    def set_model(self, model: ModelLike) -> None:
        """Attach *model* to both."""
        self.lr_scheduler.set_model(model)
        super().set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Attach *params* to both."""
        self.lr_scheduler.set_params(params)
        super().set_params(params)

    def abandons_epoch(self) -> bool:
        """Ask the scheduler."""
        return self.lr_scheduler.abandons_epoch()

    def on_train_begin(self, logs: Logs) -> None:
        """Forward, then do the saver's own part."""
        self.lr_scheduler.on_train_begin(logs)
        super().on_train_begin(logs)

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Forward, then do the saver's own part."""
        self.lr_scheduler.on_epoch_begin(epoch_number, logs)
        super().on_epoch_begin(epoch_number, logs)

    def on_train_batch_begin(self, batch_number: int, logs: Logs) -> None:
        """Forward."""
        self.lr_scheduler.on_train_batch_begin(batch_number, logs)

    def on_backward_end(self, batch_number: int) -> None:
        """Forward."""
        self.lr_scheduler.on_backward_end(batch_number)

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Forward."""
        self.lr_scheduler.on_train_batch_end(batch_number, logs)

    def on_valid_begin(self, logs: Logs) -> None:
        """Forward."""
        self.lr_scheduler.on_valid_begin(logs)

    def on_valid_batch_begin(self, batch_number: int, logs: Logs) -> None:
        """Forward."""
        self.lr_scheduler.on_valid_batch_begin(batch_number, logs)

    def on_valid_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Forward."""
        self.lr_scheduler.on_valid_batch_end(batch_number, logs)

    def on_valid_end(self, logs: Logs) -> None:
        """Forward."""
        self.lr_scheduler.on_valid_end(logs)

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Forward, then do the saver's own part."""
        self.lr_scheduler.on_epoch_end(epoch_number, logs)
        super().on_epoch_end(epoch_number, logs)

    def on_train_end(self, logs: Logs) -> None:
        """Forward, then do the saver's own part."""
        self.lr_scheduler.on_train_end(logs)
        super().on_train_end(logs)

    def on_test_begin(self, logs: Logs) -> None:
        """Forward."""
        self.lr_scheduler.on_test_begin(logs)

    def on_test_batch_begin(self, batch_number: int, logs: Logs) -> None:
        """Forward."""
        self.lr_scheduler.on_test_batch_begin(batch_number, logs)

    def on_test_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Forward."""
        self.lr_scheduler.on_test_batch_end(batch_number, logs)

    def on_test_end(self, logs: Logs) -> None:
        """Forward."""
        self.lr_scheduler.on_test_end(logs)

    def on_predict_begin(self, logs: Logs) -> None:
        """Forward."""
        self.lr_scheduler.on_predict_begin(logs)

    def on_predict_batch_begin(self, batch_number: int, logs: Logs) -> None:
        """Forward."""
        self.lr_scheduler.on_predict_batch_begin(batch_number, logs)

    def on_predict_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Forward."""
        self.lr_scheduler.on_predict_batch_end(batch_number, logs)

    def on_predict_end(self, logs: Logs) -> None:
        """Forward."""
        self.lr_scheduler.on_predict_end(logs)

    def on_batch_settled(self, batch_number: int, logs: Logs) -> None:
        """Forward, then do the saver's own part."""
        self.lr_scheduler.on_batch_settled(batch_number, logs)
        super().on_batch_settled(batch_number, logs)

    def on_settled(self, epoch_number: int, logs: Logs) -> None:
        """Forward."""
        self.lr_scheduler.on_settled(epoch_number, logs)

    def on_exception(self, exception: BaseException) -> None:
        """Forward, then do the saver's own part."""
        self.lr_scheduler.on_exception(exception)
        super().on_exception(exception)

    def close(self) -> None:
        """Forward, then do the saver's own part."""
        self.lr_scheduler.close()
        super().close()


def _learns(callback: object) -> bool:
    if not isinstance(callback, Callback):
        return False
    return type(callback).state_dict is not Callback.state_dict
