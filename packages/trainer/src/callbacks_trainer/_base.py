# SPDX-License-Identifier: MIT
"""What a model consists of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import torch
from torch import Tensor
from torch.nn import Module
from torch.optim import Optimizer

from callbacks_core import Scalar, did_you_mean, get_batch_size

from .combined import CombinedOptimizer, is_several
from .compiling import Compiled, CompileLike
from .convert import detach
from .distributed import StrategyLike, get_strategy, swap_parameters
from .losses import LossFunction, get_loss_function
from .memory_format import convert_network
from .metrics import MetricLike, MetricSet
from .optimizers import OptimizerLike, get_optimizer, needs_closure
from .precision import MixedPrecision, Precision

if TYPE_CHECKING:
    from typing import Self

    from ._custom import CustomSteps


Part = TypeVar("Part")
TrainingStep: TypeAlias = "Callable[[Any, Any], Tensor | Mapping[str, Scalar]]"
"""A training step of one's own: a function of the model and a batch; see `Model.training_step`."""


class ModelBase:
    """A network with its optimizer, loss function, metrics and device; see `Model`."""

    def __init__(
        self,
        network: Module,
        optimizer: OptimizerLike,
        loss_function: LossFunction | str | None,
        *,
        batch_metrics: Iterable[MetricLike] | None = None,
        epoch_metrics: Iterable[MetricLike] | None = None,
        device: torch.device | str | int | None = None,
        training_step: TrainingStep | None = None,
        precision: Precision = "fp32",
        compile: CompileLike = False,
        channels_last: bool = False,
        strategy: StrategyLike = "auto",
    ) -> None:
        _require_module(network)
        if training_step is not None and not callable(training_step):
            raise TypeError(
                f"`training_step` must be a function of a model and a batch, not {training_step!r}"
            )
        if not isinstance(channels_last, bool):
            raise TypeError(f"`channels_last` must be True or False, not {channels_last!r}")
        self.channels_last = channels_last
        self.strategy, device = get_strategy(strategy, device)
        self.network = network
        self.loss_function = get_loss_function(loss_function)
        self.metrics = MetricSet(batch_metrics, epoch_metrics)
        self.stop_training = False
        self.device: torch.device | None = None
        self._lay_out(optimizer, device)
        self.optimizer = get_optimizer(optimizer, network)
        self.running_step: CustomSteps | None = None
        self._training_step = training_step
        self.mixed_precision = MixedPrecision(precision, self.whereabouts)
        if device is not None:
            self.to(device)
        self.compiled = Compiled(compile, self.whereabouts)
        self.refuse_scaled_closures()

    def _lay_out(self, optimizer: OptimizerLike, device: torch.device | str | int | None) -> None:
        """Bring the weights into the form in which they are trained, before an optimizer is made.

        An optimizer that is there already trains what has taken their place.
        """
        if self.channels_last:
            convert_network(self.network)
        if self.strategy.group is None:
            return
        if device is not None:
            self.network.to(_existing(device))
        before = list(self.network.parameters())
        self.strategy.prepare(self.network)
        given = optimizer.values() if is_several(optimizer) else [optimizer]  # type: ignore[union-attr]  # several are a mapping
        for one in given:
            if isinstance(one, Optimizer):
                swap_parameters(one, before, list(self.network.parameters()))

    @property
    def whereabouts(self) -> torch.device:
        """The device that batches are moved to, or else that of the network."""
        if self.device is not None:
            return self.device
        return next((weight.device for weight in self.network.parameters()), torch.device("cpu"))

    @property
    def pins_memory(self) -> bool:
        """Whether batches are loaded into pinned memory, from which they go to a GPU quickly."""
        return self.device is not None and self.device.type == "cuda"

    @property
    def scaler(self) -> torch.amp.GradScaler | None:
        """The scaler of the gradients with ``precision="fp16"``, which has state; else None."""
        return self.mixed_precision.scaler

    def refuse_scaled_closures(self) -> None:
        """Raise if the optimizer computes the loss by itself, and gradients are to be scaled.

        Raises:
            ValueError: It is so.
        """
        if self.scaler is not None and self.optimizer and needs_closure(self.optimizer):
            raise ValueError(
                f"{type(self.optimizer).__name__} computes the loss of a batch several times, and "
                f'its gradients cannot be scaled: use precision="bf16" or "fp32", not "fp16"'
            )

    @property
    def metrics_names(self) -> list[str]:
        """The names of the metrics in the logs: batch metrics, then epoch metrics."""
        return self.metrics.names

    @property
    def batch_metrics(self) -> list[Any]:
        """The batch metrics, in their order."""
        return self.metrics.of_batches

    @property
    def epoch_metrics(self) -> list[Any]:
        """The epoch metrics, in their order."""
        return self.metrics.of_epochs

    def get_batch_size(self, *values: Any) -> int:
        """Return the number of examples in a batch; see `callbacks_core.get_batch_size`."""
        return get_batch_size(*values)

    @property
    def has_own_step(self) -> bool:
        """Whether there is a training step of one's own."""
        overridden = type(self).training_step is not ModelBase.training_step
        return overridden or self._training_step is not None

    def training_step(self, batch: Any) -> Tensor | Mapping[str, Scalar]:
        """Train on a batch in a way of one's own; override it, or pass a function to the model.

        The loop, the hooks, the averages and the callbacks stay what they are. It is not called
        for a validation.

        Args:
            batch: What the loader gives, as tensors on the model's device.

        Returns:
            The loss, a scalar that the optimizer is to minimize; or a mapping with ``"loss"`` and
            whatever else is to be logged. After `optimize` has been called it is logged only.
        """
        if self._training_step is None:
            raise NotImplementedError("the model has no training step of its own")
        return self._training_step(self, batch)

    def optimize(self, loss: Tensor, optimizer: str | Optimizer | None = None) -> None:
        """Take a step within `training_step`: gradients, `on_backward_end`, the optimizer.

        It is for several optimizers, or several steps for a batch.

        Args:
            loss: The loss, a scalar.
            optimizer: The optimizer, by its name if the model was made with several; by default
                the model's.

        Raises:
            KeyError: There is no optimizer of that name.
            RuntimeError: No training step is running.
        """
        if self.running_step is None:
            raise RuntimeError("model.optimize(...) is for a training step, while it runs")
        self.running_step.optimize(loss, self._chosen(optimizer))

    def _chosen(self, optimizer: str | Optimizer | None) -> Optimizer:
        if isinstance(optimizer, Optimizer):
            return optimizer
        own = required(self.optimizer, "an optimizer")
        if optimizer is None:
            return own
        named = own.optimizers if isinstance(own, CombinedOptimizer) else {}
        if optimizer not in named:
            raise KeyError(
                f"there is no optimizer {optimizer!r}{did_you_mean(optimizer, named)}: "
                f"the model has {', '.join(map(repr, named)) or 'a single one, without a name'}"
            )
        return named[optimizer]

    def measure(self, y_pred: Any, y_true: Any) -> dict[str, Scalar]:
        """Update the metrics, and return the values of the batch metrics by their names.

        It is for a training step of one's own: ``{"loss": loss, **model.measure(y_pred, y)}``.

        Args:
            y_pred: The prediction.
            y_true: The truth.
        """
        return self.metrics.update(self.mixed_precision.widened(detach(y_pred)), y_true)

    def to(self, device: torch.device | str | int) -> Self:
        """Move the network, the optimizer's state and the metrics; batches will follow.

        Args:
            device: Such as ``"cuda"``, ``"cuda:1"`` or ``"cpu"``.

        Raises:
            RuntimeError: There is no such device.
            ValueError: The network gets new parameters there, which the optimizer does not know:
                move the network first, and make the optimizer then.
        """
        target = _existing(device)
        self.device = target
        self.network.to(target)
        if isinstance(self.loss_function, Module):
            self.loss_function.to(target)
        self.metrics.to(target)
        self.mixed_precision.to(target)
        get_optimizer(self.optimizer, self.network)  # which looks whether they belong together
        if self.optimizer is not None and self.optimizer.state:
            self.optimizer.load_state_dict(self.optimizer.state_dict())  # which moves it along
        return self

    def cuda(self, device: torch.device | str | int | None = None) -> Self:
        """Move everything to a GPU: the current one unless *device* names another."""
        return self.to("cuda" if device is None else device)

    def cpu(self) -> Self:
        """Move everything to the CPU."""
        return self.to("cpu")


def required(part: Part | None, name: str) -> Part:
    """Return a part of a model.

    Args:
        part: The part, or None.
        name: What it is called in the error, such as ``"an optimizer"``.

    Raises:
        ValueError: It is None.
    """
    if part is None:
        raise ValueError(f"the model was made without {name}, which this needs")
    return part


def _require_module(network: object) -> None:
    if isinstance(network, type):
        raise TypeError(
            f"`network` is the class {network.__name__}, not an instance of it: "
            f"write {network.__name__}(...)"
        )
    if not isinstance(network, Module):
        hint = "; layers become one by nn.Sequential(*layers)" if isinstance(network, list) else ""
        raise TypeError(f"`network` must be a torch.nn.Module, not {type(network).__name__}{hint}")


def _existing(device: torch.device | str | int) -> torch.device:
    target = _device(device)
    kinds: Any = getattr(torch, target.type, None)
    if target.type == "cpu" or not hasattr(kinds, "device_count"):
        return target
    there = getattr(kinds, "is_available", None)
    count = kinds.device_count() if there is None or there() else 0
    if (target.index or 0) >= count:
        kind = "GPUs" if target.type == "cuda" else f"devices of the kind {target.type!r}"
        raise RuntimeError(f"there is no device {target}: torch sees {count} {kind} here")
    return target


def _device(device: object) -> torch.device:
    if isinstance(device, int) and not isinstance(device, bool):
        if device < 0:
            raise RuntimeError(f"there is no device {device}: the first GPU is 0")
        return torch.device("cuda", device)
    if isinstance(device, torch.device):
        return device
    several = "; for several devices start the script with torchrun"
    if not isinstance(device, str):
        raise TypeError(
            f"`device` must be a name such as 'cuda:1', a number or a torch.device, "
            f"not {device!r}{several if isinstance(device, list | tuple) else ''}"
        )
    try:
        return torch.device(device)
    except RuntimeError as error:
        hint = several if device == "all" else _near_device(device)
        raise RuntimeError(f"there is no device {device!r}{hint} ({error})") from None


def _near_device(device: str) -> str:
    kind, colon, index = device.lower().partition(":")
    if kind == "gpu":
        return f"; did you mean {'cuda' + colon + index!r}?"
    return did_you_mean(kind, ("cpu", "cuda", "mps", "xpu"))
