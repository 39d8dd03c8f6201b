# SPDX-License-Identifier: MIT
"""What a model consists of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

import torch
from torch.nn import Module

from .losses import LossFunction, get_loss_function
from .metrics import MetricLike, MetricSet
from .optimizers import OptimizerLike, get_optimizer

if TYPE_CHECKING:
    from typing import Self


Part = TypeVar("Part")


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
    ) -> None:
        _require_module(network)
        self.network = network
        self.loss_function = get_loss_function(loss_function)
        self.metrics = MetricSet(batch_metrics, epoch_metrics)
        self.stop_training = False
        self.device: torch.device | None = None
        self.optimizer = get_optimizer(optimizer, network)
        if device is not None:
            self.to(device)

    @property
    def metrics_names(self) -> list[str]:
        """The names of the metrics in the logs: batch metrics, then epoch metrics."""
        return self.metrics.names

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
        raise TypeError(f"`network` must be a torch.nn.Module, not {type(network).__name__}")


def _existing(device: torch.device | str | int) -> torch.device:
    target = torch.device(device)
    if target.type != "cuda":
        return target
    count = torch.cuda.device_count()
    if not torch.cuda.is_available() or (target.index or 0) >= count:
        raise RuntimeError(f"there is no device {target}: torch sees {count} GPUs here")
    return target
