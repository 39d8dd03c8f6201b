# SPDX-License-Identifier: MIT
"""The learning rates that an epoch was trained with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callbacks_core import is_tensor

if TYPE_CHECKING:
    from callbacks_core import ModelLike, Scalar


class LearningRates:
    """Remembers the learning rates of the last optimizer step.

    Schedulers change them between that step and `on_epoch_end`; by remembering, a logger tells
    the truth wherever it stands in the list of callbacks.
    """

    def __init__(self) -> None:
        self._rates: list[Scalar] = []

    def note(self, model: ModelLike) -> None:
        """Remember the optimizer's rates of this moment; without an optimizer there are none."""
        optimizer = model.optimizer
        if optimizer is None:
            self._rates = []
            return
        self._rates = [_frozen(group["lr"]) for group in optimizer.param_groups]

    def values(self) -> dict[str, float]:
        """Return ``lr``, or with several parameter groups ``lr_group_0`` and so on."""
        if len(self._rates) == 1:
            return {"lr": float(self._rates[0])}
        return {f"lr_group_{index}": float(rate) for index, rate in enumerate(self._rates)}


def _frozen(rate: Scalar) -> Scalar:
    """Return *rate* as it is now; a tensor would be changed in place."""
    return rate.detach().clone() if is_tensor(rate) else rate
