# SPDX-License-Identifier: MIT
"""A training step of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor

from callbacks_core import Pass, Scalar, get_batch_size

from ._base import required
from .combined import CombinedOptimizer

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from ._base import ModelBase
    from ._steps import Steps


class CustomResult(NamedTuple):
    """What a step of one's own came to."""

    loss: Tensor | None
    """The loss to be minimized; None if the step has done that by itself."""
    values: dict[str, Scalar]
    """What is logged."""
    size: int
    """The number of examples."""


class CustomSteps:
    """Runs a `TrainingStep` on the batches of a pass.

    Args:
        model: The model whose step it is.
        steps: What moves batches to the device.
        batches: The pass.
        batches_per_step: How many batches make an optimizer step.
    """

    def __init__(
        self, model: ModelBase, steps: Steps, batches: Pass[Any], batches_per_step: int
    ) -> None:
        self._model = model
        self._steps = steps
        self._batches = batches
        self._batches_per_step = batches_per_step
        self._stepped = False

    def run(self, batch: Any) -> CustomResult:
        """Run the step on a batch.

        Raises:
            TypeError: It returns something else than a loss, or values by their names.
            ValueError: Its loss is no scalar, or no value is called so; or it steps by itself,
                and several batches are to make one step.
        """
        self._stepped = False
        size = get_batch_size(*batch) if type(batch) in (tuple, list) else get_batch_size(batch)
        self._model.running_step = self
        try:
            with self._steps.precision.autocast():
                returned = self._steps.strategy.run(
                    self._model.training_step, self._steps.moved(batch)
                )
        finally:
            self._model.running_step = None
        values = _values(returned)
        loss = values["loss"]
        if self._stepped or not (isinstance(loss, Tensor) and loss.requires_grad):
            if not self._stepped:
                raise ValueError(
                    "training_step returned a loss without gradients, and called "
                    "model.optimize(...) for no other: nothing would be learnt"
                )
            return CustomResult(None, values, size)
        return CustomResult(loss, values, size)

    def optimize(self, loss: Tensor, optimizer: Optimizer) -> None:
        """Take a step, with what belongs to it.

        Raises:
            ValueError: Several batches are to make one step.
        """
        if self._batches_per_step > 1:
            raise ValueError(
                "with `batches_per_step` the step must return the loss, not minimize it by itself"
            )
        self._stepped = True
        self._steps.strategy.stepping_by_itself()
        precision = self._steps.precision
        optimizer.zero_grad()
        with precision.paused():
            precision.backward(loss)
            self._steps.strategy.average(optimizer)
            precision.step(optimizer, self._batches.backward_end)

    def minimize(self, loss: Tensor, optimizer: Optimizer) -> None:
        """Take a step with the loss that the model's step returned."""
        optimizer.zero_grad()
        self._steps.precision.backward(loss)
        self._steps.precision.step(optimizer, self._batches.backward_end)


def train_custom(model: ModelBase, steps: Steps, batches: Pass[Any]) -> None:
    """Train on the batches of a pass, one step of the model's own for each."""
    optimizer = required(model.optimizer, "an optimizer")
    custom, record = CustomSteps(model, steps, batches, 1), steps.recorder(batches)
    for batch in batches:
        loss, values, size = custom.run(batch)
        if loss is not None:
            custom.minimize(loss, optimizer)
        if isinstance(optimizer, CombinedOptimizer):
            optimizer.announce()
        record(values, size)


def _values(returned: object) -> dict[str, Scalar]:
    if isinstance(returned, Tensor):
        returned = {"loss": returned}
    if not isinstance(returned, Mapping):
        raise TypeError(
            f"training_step must return the loss, or a mapping of values with 'loss' among them, "
            f"not {returned!r}"
        )
    if "loss" not in returned:
        raise ValueError(
            f"training_step must return a value called 'loss', not only "
            f"{', '.join(map(repr, returned)) or 'none at all'}"
        )
    loss = returned["loss"]
    if isinstance(loss, Tensor) and loss.numel() != 1:
        raise ValueError(f"the loss must be a scalar, not a tensor of shape {tuple(loss.shape)}")
    return dict(returned)
