# SPDX-License-Identifier: MIT
"""What happens to a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from callbacks_core import Pass, Scalar, get_batch_size

from ._base import required
from .convert import detach, to_tensors

if TYPE_CHECKING:
    from ._base import ModelBase
    from .metrics import MetricSet

_SEVERAL: Final = (tuple, list)


class Steps:
    """Runs batches through a model: forward, loss, backward, step, metrics.

    Args:
        model: The model; its network, loss and device are looked up once.
        metrics: The metrics to update.
    """

    def __init__(self, model: ModelBase, metrics: MetricSet) -> None:
        self.network = model.network
        self.optimizer = model.optimizer
        self.loss_function = model.loss_function
        self.metrics = metrics
        self.device = model.device

    def prepare(self, batch: Any) -> tuple[Any, Any]:
        """Return inputs and targets as tensors on the device.

        Raises:
            TypeError: *batch* is no pair.
        """
        if not isinstance(batch, _SEVERAL) or len(batch) != 2:
            raise TypeError(f"a batch must be a pair (inputs, targets), not {_describe(batch)}")
        x, y = batch
        device = self.device
        if device is None and isinstance(x, Tensor) and isinstance(y, Tensor):
            return x, y
        return to_tensors(x, device), to_tensors(y, device)

    def on_device(self, batch: Any) -> Any:
        """Return a batch of any structure as tensors on the device."""
        return to_tensors(batch, self.device)

    def forward(self, x: Any) -> Any:
        """Return the network's output; a tuple or list of inputs becomes its arguments."""
        if isinstance(x, _SEVERAL) and not isinstance(x, PackedSequence):
            return self.network(*x)
        return self.network(x)

    def loss(self, y_pred: Any, y: Any) -> Tensor:
        """Return the loss of a batch.

        Raises:
            TypeError: It is no tensor.
            ValueError: It is no scalar, or there is no loss function.
        """
        if self.loss_function is None:
            raise ValueError("the model was made without a loss function, which this needs")
        loss = self.loss_function(y_pred, y)
        if loss.__class__ is Tensor and not loss.dim():
            return loss
        if not isinstance(loss, Tensor):
            raise TypeError(f"the loss must be a tensor, not {_describe(loss)}")
        if loss.numel() != 1:
            raise ValueError(
                f"the loss must be a scalar, not a tensor of shape {tuple(loss.shape)}; "
                f'was it made with reduction="none"?'
            )
        return loss

    def values(self, loss: Tensor, y_pred: Any, y: Any) -> dict[str, Scalar]:
        """Return what is logged of a batch."""
        if not self.metrics:
            return {"loss": loss}
        return {"loss": loss, **self.metrics.update(detach(y_pred), y)}

    def train(self, batches: Pass[Any]) -> None:
        """Train on the batches of a pass, one optimizer step for each."""
        optimizer = required(self.optimizer, "an optimizer")
        prepare, network, forward, loss_of = self.prepare, self.network, self.forward, self.loss
        zero_grad, step, backward = optimizer.zero_grad, optimizer.step, torch.autograd.backward
        backward_end, record, metrics = batches.backward_end, batches.record, bool(self.metrics)
        for batch in batches:
            x, y = prepare(batch)
            y_pred = network(x) if x.__class__ is Tensor else forward(x)
            loss = loss_of(y_pred, y)
            zero_grad()
            backward(loss)
            backward_end()
            step()
            values = self.values(loss, y_pred, y) if metrics else {"loss": loss}
            record(values, get_batch_size(x, y))

    def train_accumulating(
        self,
        batches: Pass[Any],
        batches_per_step: int,
        loss_of: Callable[[Any], tuple[Tensor | None, dict[str, Scalar], int]],
    ) -> None:
        """Train on the batches of a pass, one optimizer step for several.

        The gradients are those of one big batch of all their examples. What is left at the end
        of the pass makes a smaller step; what a stop leaves is dropped.
        """
        optimizer = required(self.optimizer, "an optimizer")
        waiting = examples = 0
        for batch in batches:
            loss, values, size = loss_of(batch)
            if waiting == 0:
                optimizer.zero_grad()
            torch.autograd.backward(required(loss, "a loss") * size)
            waiting += 1
            examples += size
            if waiting == batches_per_step or batches.is_last:
                _divide_gradients(optimizer, examples)
                batches.backward_end()
                optimizer.step()
                waiting = examples = 0
            batches.record(values, size)

    def loss_and_values(self, batch: Any) -> tuple[Tensor, dict[str, Scalar], int]:
        """Return the loss of a batch, what is logged of it, and its number of examples."""
        x, y = self.prepare(batch)
        y_pred = self.forward(x)
        loss = self.loss(y_pred, y)
        return loss, self.values(loss.detach(), y_pred, y), get_batch_size(x, y)

    def evaluate(self, batches: Pass[Any]) -> Iterable[tuple[Any, Any]]:
        """Yield the prediction and the truth of each batch of a pass."""
        for batch in batches:
            x, y = self.prepare(batch)
            y_pred = self.forward(x)
            batches.record(self.values(self.loss(y_pred, y), y_pred, y), get_batch_size(x, y))
            yield y_pred, y


def _divide_gradients(optimizer: torch.optim.Optimizer, examples: int) -> None:
    gradients = [
        parameter.grad
        for group in optimizer.param_groups
        for parameter in group["params"]
        if parameter.grad is not None
    ]
    if any(gradient.is_sparse for gradient in gradients):
        for gradient in gradients:
            gradient.div_(examples)
        return
    torch._foreach_div_(gradients, float(examples))


def _describe(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"{type(value).__name__}"
