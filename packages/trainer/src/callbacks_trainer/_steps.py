# SPDX-License-Identifier: MIT
"""What happens to a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from callbacks_core import Pass, RunningMeans, Scalar, get_batch_size

from ._base import required
from ._gradients import divide, forgetting
from .convert import detach
from .explaining import with_first_look
from .memory_format import to_channels_last
from .transfers import transfer_to

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
        self.network = model.compiled.of(model.network)
        self.precision = model.mixed_precision
        self.compute = self._mixed if self.precision.is_mixed else self._plain
        self.strategy, self.group = model.strategy, model.strategy.group
        self.trained = partial(self.strategy.run, self.compute) if self.group else self.compute
        self._means = RunningMeans()
        self.optimizer = model.optimizer
        self.loss_function = with_first_look(self, model.loss_function)
        self.metrics = metrics
        self.device = model.device
        self.on_device = transfer_to(model.device)
        self._channels_last = model.channels_last

    def prepare(self, batch: Any) -> tuple[Any, Any]:
        """Return inputs and targets as tensors on the device.

        Raises:
            TypeError: *batch* is no pair.
        """
        if not isinstance(batch, _SEVERAL) or len(batch) != 2:
            raise TypeError(f"a batch must be a pair (inputs, targets), not {_describe(batch)}")
        x, y = batch
        if self.device is not None or not (isinstance(x, Tensor) and isinstance(y, Tensor)):
            x, y = self.on_device((x, y))
        return (to_channels_last(x), y) if self._channels_last else (x, y)

    def moved(self, batch: Any) -> Any:
        """Return a batch of any structure as tensors on the device."""
        moved = self.on_device(batch)
        return to_channels_last(moved) if self._channels_last else moved

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

    def _plain(self, x: Any, y: Any) -> tuple[Tensor, Any]:
        """Return the loss and the prediction of a batch."""
        y_pred = self.network(x) if x.__class__ is Tensor else self.forward(x)
        return self.loss(y_pred, y), y_pred

    def _mixed(self, x: Any, y: Any) -> tuple[Tensor, Any]:
        with self.precision.autocast():
            y_pred = self.forward(x)
            loss = self.loss(y_pred, y)
        return loss, self.precision.widened(y_pred)

    def predict(self, x: Any) -> Any:
        """Return the prediction of inputs."""
        with self.precision.autocast():
            y_pred = self.forward(x)
        return self.precision.widened(y_pred)

    def values(self, loss: Tensor, y_pred: Any, y: Any) -> dict[str, Scalar]:
        """Return what is logged of a batch."""
        if not self.metrics:
            return {"loss": loss}
        return {"loss": loss, **self.metrics.update(detach(y_pred), y)}

    def recorder(self, batches: Pass[Any]) -> Callable[[dict[str, Scalar], int], None]:
        """Return what takes the values of each batch of a pass, and its number of examples."""
        self._means = batches.means
        return batches.record

    def summary(self) -> dict[str, Scalar]:
        """Return the values of a whole pass that no averaging in this process can give."""
        values: dict[str, Scalar] = {}
        if self.group is not None:
            values.update(self.group.means(self._means))
        values.update(self.metrics.compute())
        return values

    def train(self, batches: Pass[Any]) -> None:
        """Train on the batches of a pass, one optimizer step for each."""
        optimizer = required(self.optimizer, "an optimizer")
        prepare, compute, forget = self.prepare, self.trained, forgetting(optimizer)
        backward, step = self.precision.backward, self.precision.step
        backward_end, record = batches.backward_end, self.recorder(batches)
        metrics = bool(self.metrics)
        values: dict[str, Scalar]
        for batch in batches:
            x, y = prepare(batch)
            forget()  # before the forward pass, which has their memory then
            loss, y_pred = compute(x, y)
            backward(loss)
            step(optimizer, backward_end)
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
        record, waiting, weight, unit = self.recorder(batches), 0, 0.0, 1
        forget = forgetting(optimizer)

        def complete() -> None:
            divide(optimizer, weight)
            batches.backward_end()

        for batch in batches:
            waiting += 1
            is_due = waiting == batches_per_step or batches.is_last
            if waiting == 1:
                forget()
            with self.strategy.synchronizing(is_due):
                loss, values, size = loss_of(batch)
                if waiting == 1:
                    weight, unit = 0.0, size or 1  # a loss times its size would overflow in fp16
                self.precision.backward(required(loss, "a loss") * (size / unit))
            weight += size / unit
            if is_due:
                self.precision.step(optimizer, complete)
                waiting = 0
            record(values, size)

    def loss_and_values(self, batch: Any) -> tuple[Tensor, dict[str, Scalar], int]:
        """Return the loss of a batch, what is logged of it, and its number of examples."""
        x, y = self.prepare(batch)
        loss, y_pred = self.trained(x, y)
        return loss, self.values(loss.detach(), y_pred, y), get_batch_size(x, y)

    def evaluate(self, batches: Pass[Any]) -> Iterable[tuple[Any, Any]]:
        """Yield the prediction and the truth of each batch of a pass."""
        record = self.recorder(batches)
        for batch in batches:
            x, y = self.prepare(batch)
            loss, y_pred = self.compute(x, y)
            record(self.values(loss, y_pred, y), get_batch_size(x, y))
            yield y_pred, y


def _describe(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"{type(value).__name__}"
