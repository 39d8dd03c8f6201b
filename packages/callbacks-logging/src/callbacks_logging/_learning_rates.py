# SPDX-License-Identifier: MIT
"""The learning rates that an epoch was trained with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callbacks_core import is_tensor

if TYPE_CHECKING:
    from callbacks_core import ModelLike, Scalar


class LearningRates:
    """Remembers the learning rates of the last optimizer step.

    Schedulers change them between that step and `on_epoch_end`; by remembering, a logger tells
    the truth wherever it stands in the list of callbacks. It holds on to the optimizer's groups, so
    a logger lets go of it when training ends.

    Attributes:
        latest: The rates of the last step, one for each parameter group; a new list whenever one
            of them has changed.
    """

    def __init__(self) -> None:
        self._groups: list[dict[str, Any]] = []
        self._tensors = False
        self.latest: list[Scalar] = []

    def begin(self, model: ModelLike) -> None:
        """Remember the rates of this moment, with which an epoch begins.

        Without an optimizer there are none.
        """
        self._groups = [] if model.optimizer is None else model.optimizer.param_groups
        self._tensors = any(is_tensor(group["lr"]) for group in self._groups)
        self.step()

    def step(self) -> None:
        """Remember the rates of this moment, with which an optimizer steps."""
        if self._tensors:  # these are changed in place
            self.latest = [
                rate.clone() if is_tensor(rate := group["lr"]) else rate for group in self._groups
            ]
            return
        rates = [group["lr"] for group in self._groups]
        if rates != self.latest:
            self.latest = rates

    def values(self) -> dict[str, float]:
        """Return ``lr``, or with several parameter groups ``lr_group_0`` and so on."""
        return {
            name: float(rate)
            for name, rate in zip(rate_names(len(self.latest)), self.latest, strict=True)
        }


def rate_names(groups: int) -> list[str]:
    """Return the names of the learning rates of so many parameter groups."""
    return ["lr"] if groups == 1 else [f"lr_group_{index}" for index in range(groups)]


def is_rate(name: str) -> bool:
    """Whether *name* is that of a learning rate."""
    return name == "lr" or name.startswith("lr_group_")
