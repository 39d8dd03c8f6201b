# SPDX-License-Identifier: MIT
"""What a look at all gradients takes, in relation to one that goes from tensor to tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter
from types import SimpleNamespace
from typing import Final, NamedTuple

import torch
from _reads import CountReads
from torch import Tensor, nn

from callbacks_core import CallbackList, SimpleModel
from callbacks_logging import MemoryGradientLogger, TensorBoardGradientTracker


class Network(NamedTuple):
    """Parameters that have gradients.

    Attributes:
        shapes: The shapes of the tensors.
        rounds: How many pairs of looks are measured.
    """

    shapes: Sequence[tuple[int, ...]]
    rounds: int


NETWORKS: Final = {
    "1000 tensors of 1000": Network([(1000,)] * 1000, 30),
    "1000 tensors, of 40 shapes": Network([(16 + n % 20, 8 + n % 2) for n in range(1000)], 30),
    "1000 tensors, no two alike": Network([(100 + n,) for n in range(1000)], 10),
    "10 tensors of 4 millions": Network([(2000, 2000)] * 10, 5),
}


class Cost(NamedTuple):
    """What a look takes.

    Attributes:
        tensor_by_tensor_ms: The milliseconds of a look that goes from tensor to tensor.
        tracker: How many times as quick the tracker's is.
        logger: How many times as quick a logger's of all statistics is.
        reads: How many values the tracker reads from the device.
    """

    tensor_by_tensor_ms: float
    tracker: float
    logger: float
    reads: int


def measure() -> dict[str, Cost]:
    """Return what a look takes, by the kind of network; one after the other, on one thread."""
    torch.set_num_threads(1)
    return {name: _cost(network) for name, network in NETWORKS.items()}


def _cost(network: Network) -> Cost:
    module = nn.ParameterList([torch.zeros(shape) for shape in network.shapes])
    for parameter in module.parameters():
        parameter.grad = torch.randn_like(parameter)
    writer = SimpleNamespace(add_scalars=lambda *_: None)
    tracker = _look(TensorBoardGradientTracker(writer), module)
    logger = _look(MemoryGradientLogger(), module)
    by_tensor = TensorByTensor(module)
    looks = {"theirs": by_tensor.look, "tracker": tracker, "logger": logger}
    rounds = [{name: _seconds(look) for name, look in looks.items()} for _ in range(network.rounds)]
    with CountReads() as counter:
        tracker()
    return Cost(
        median(turn["theirs"] for turn in rounds) * 1000,
        median(turn["theirs"] / turn["tracker"] for turn in rounds),
        median(turn["theirs"] / turn["logger"] for turn in rounds),
        counter.reads,
    )


class TensorByTensor:
    """Five values of each gradient, each read as soon as it is computed, and the means kept."""

    def __init__(self, module: nn.Module) -> None:
        self._named = list(module.named_parameters())
        self._means = {name: (0, 0.0, 0.0) for name, _ in self._named}
        self._extremes: dict[str, list[Tensor]] = {}

    def look(self) -> None:
        for name, parameter in self._named:
            gradient = parameter.grad
            assert gradient is not None
            sizes = gradient.abs()
            mean = float(sizes.mean().cpu())
            found = [gradient.min(), gradient.max(), sizes.min(), sizes.max()]
            self._extremes[name] = [value.cpu() for value in found]
            count, before, deviation = self._means[name]
            count += 1
            after = before + (mean - before) / count
            deviation += (mean - before) * (mean - after)
            self._means[name] = (count, after, deviation)


def _look(
    callback: TensorBoardGradientTracker | MemoryGradientLogger, module: nn.Module
) -> Callable[[], None]:
    callbacks = CallbackList([callback])
    callbacks.set_model(SimpleModel(module))
    callbacks.set_params({"epochs": 1, "steps": None})
    callbacks.on_train_begin({})
    callbacks.on_epoch_begin(1, {})
    end = callbacks.hook("on_backward_end")
    assert end is not None

    def look() -> None:
        end(1)

    return look


def _seconds(look: Callable[[], None]) -> float:
    begin = perf_counter()
    look()
    return perf_counter() - begin
