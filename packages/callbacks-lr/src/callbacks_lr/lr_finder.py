# SPDX-License-Identifier: MIT
"""The learning rate range test."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from callbacks_core import ModelLike, whole_number

from ._arguments import between, number
from ._snapshot import Snapshot
from .lr_curve import LRCurve


class LRFinder:
    """Try learning rates from very low to far too high, and see where the loss falls.

    ::

        curve = LRFinder(steps=100).find(SimpleModel(network, optimizer), loader, cross_entropy)
        print(curve.suggestion("valley"))
        curve.plot()

    It trains for a few steps, each with a higher learning rate, and puts everything back then,
    bit for bit and after an error too: weights, gradients, buffers, modes, the optimizer, the
    random states of Python, NumPy, torch and CUDA, and the loader. So it can be used in the
    midst of a training. The source is Smith, "Cyclical Learning Rates for Training Neural
    Networks", section 3.3 (https://arxiv.org/abs/1506.01186).

    Args:
        start_lr: The first learning rate.
        end_lr: The last one; those between rise by the same factor.
        steps: The number of learning rates.
        diverge: The test ends when the smoothed loss is this many times its lowest value.
        smoothing: The weight of the past in the moving average of the losses, from 0 to 1.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An argument is out of range.
    """

    def __init__(
        self,
        *,
        start_lr: float = 1e-7,
        end_lr: float = 10.0,
        steps: int = 100,
        diverge: float = 4.0,
        smoothing: float = 0.9,
    ) -> None:
        between("start_lr", start_lr, 0, math.inf, above=True)
        number("end_lr", end_lr)
        if end_lr <= start_lr:
            raise ValueError(f"`end_lr` must be more than `start_lr`, {start_lr!r}, not {end_lr!r}")
        whole_number("steps", steps, at_least=3)
        between("diverge", diverge, 1, math.inf, above=True)
        between("smoothing", smoothing, 0, 1)
        if smoothing == 1:
            raise ValueError("`smoothing` must be less than 1, or no loss would count")
        self.start_lr = start_lr
        self.end_lr = end_lr
        self.steps = steps
        self.diverge = diverge
        self.smoothing = smoothing

    def find(
        self,
        model: ModelLike,
        loader: Iterable[Any],
        loss: Callable[[Any, Any], Tensor],
    ) -> LRCurve:
        """Run the test.

        Args:
            model: The network with its optimizer: a `SimpleModel`, or a trainer's model. Of
                several parameter groups the highest rate is the one tested; the others keep their
                proportion to it.
            loader: Batches ``(input, target)``, gone through again when there are too few; they
                are moved to where the network is.
            loss: Takes the network's output and the target, and returns the loss.

        Returns:
            The losses by learning rate.

        Raises:
            TypeError: *loader* can be gone through once only, so that it could not be put back,
                or a batch is no pair.
            ValueError: There is no optimizer, or no batch.
        """
        network, optimizer = model.network, model.optimizer
        if optimizer is None:
            raise ValueError("LRFinder needs an optimizer, and the model has none")
        if isinstance(loader, Iterator) and not hasattr(loader, "load_state_dict"):
            raise TypeError(
                f"`loader` must be one that can be gone through again, not {type(loader).__name__}"
            )
        snapshot = Snapshot(network, optimizer, loader)
        groups = optimizer.param_groups
        highest = max(float(group["lr"]) for group in groups)
        shares = [float(group["lr"]) / highest if highest else 1.0 for group in groups]
        device = next((weight.device for weight in network.parameters()), torch.device("cpu"))

        def step(batch: Any, rate: float) -> float:
            if not isinstance(batch, tuple | list) or len(batch) != 2:
                raise TypeError(f"a batch must be (input, target), not {type(batch).__name__}")
            for group, share in zip(groups, shares, strict=True):
                group["lr"] = rate * share
            optimizer.zero_grad()
            x, y = _moved(batch, device)
            value = loss(network(x), y)
            value.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
            optimizer.step()
            return float(value.detach())

        try:
            network.train()
            with torch.enable_grad():
                return self._run(_again_and_again(loader), step)
        finally:
            snapshot.restore()

    def _run(self, batches: Iterator[Any], step: Callable[[Any, float], float]) -> LRCurve:
        ratio = (self.end_lr / self.start_lr) ** (1 / (self.steps - 1))
        curve = LRCurve([], [], [], diverged=False)
        average, lowest = 0.0, math.inf
        for index, batch in zip(range(self.steps), batches, strict=False):
            rate = self.start_lr * ratio**index
            value = step(batch, rate)
            average = self.smoothing * average + (1 - self.smoothing) * value
            smoothed = average / (1 - self.smoothing ** (index + 1))
            lowest = min(lowest, smoothed)
            if not smoothed <= lowest + (self.diverge - 1) * abs(lowest):
                return LRCurve(curve.rates, curve.losses, curve.smoothed, diverged=True)
            curve.rates.append(rate)
            curve.losses.append(value)
            curve.smoothed.append(smoothed)
        return curve


def _again_and_again(loader: Iterable[Any]) -> Iterator[Any]:
    while True:
        empty = True
        for batch in loader:
            empty = False
            yield batch
        if empty:
            raise ValueError(f"`loader` has no batch: {type(loader).__name__} is empty")


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, tuple | list) and not hasattr(value, "_fields"):
        return [_moved(part, device) for part in value]
    if isinstance(value, dict):
        return {key: _moved(part, device) for key, part in value.items()}
    return value
