# SPDX-License-Identifier: MIT
"""What the optimizer stepped with, in the logs."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from callbacks_core import Callback, FailurePolicy, Logs, Scalar


class LRMonitor(Callback):
    """Write each parameter group's learning rate, momentum and weight decay into the logs.

    So every logger after it in the list has them, and the history too. They are those of the last
    optimizer step, wherever the schedules stand. With one group the names are ``lr``, ``momentum``
    and ``weight_decay``, with several ``lr_group_0`` and so on. Momentum is the first of ``betas``
    in Adam and its like; what a group does not have is left out.

    Args:
        batches: Whether to write them into the logs of batches too.

    Raises:
        TypeError: *batches* is not True or False.
    """

    on_error: FailurePolicy = "disable"

    def __init__(self, *, batches: bool = False) -> None:
        if not isinstance(batches, bool):
            raise TypeError(f"`batches` must be True or False, not {batches!r}")
        self.batches = batches
        self._values: dict[str, Scalar] = {}
        self._groups: list[dict[str, Any]] = []
        self._handle: Any = None

    def listens_to(self, hook: str) -> bool:
        """Whether *hook* does anything here; that of batches does only when it is asked to."""
        return super().listens_to(hook) and (self.batches or hook != "on_train_batch_end")

    def on_train_begin(self, logs: Logs) -> None:
        """Have the optimizer tell when it steps."""
        self.close()
        optimizer = self.model.optimizer
        if optimizer is None:
            return
        self._groups = optimizer.param_groups
        self._handle = optimizer.register_step_pre_hook(self._remember)
        self._remember()

    def _remember(self, *_: object) -> None:
        values: dict[str, Scalar] = {}
        several = len(self._groups) > 1
        for index, group in enumerate(self._groups):
            suffix = f"_group_{index}" if several else ""
            values["lr" + suffix] = group["lr"]
            momentum = group["betas"][0] if "betas" in group else group.get("momentum")
            if momentum is not None:
                values["momentum" + suffix] = momentum
            if "weight_decay" in group:
                values["weight_decay" + suffix] = group["weight_decay"]
        self._values = {
            name: value.detach().clone() if isinstance(value, Tensor) else value
            for name, value in values.items()
        }

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Write the values of the last step; tensors are not read."""
        logs.update(self._values)  # type: ignore[arg-type]  # logs of batches take tensors

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Write the values of the last step."""
        logs.update({name: float(value) for name, value in self._values.items()})

    def on_train_end(self, logs: Logs) -> None:
        """Let go of the optimizer."""
        self.close()

    def close(self) -> None:
        """Let go of the optimizer."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.remove()
        self._groups, self._values = [], {}

    def __getstate__(self) -> dict[str, Any]:
        """Pickle and copy the arguments, without the optimizer."""
        return {**vars(self), "_handle": None, "_groups": [], "_values": {}}
