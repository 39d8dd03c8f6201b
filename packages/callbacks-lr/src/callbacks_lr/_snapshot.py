# SPDX-License-Identifier: MIT
"""Everything that a few steps of training change, put back bit for bit."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.optim import Optimizer

from callbacks_core import NetworkMode, Stateful


class Snapshot:
    """Remembers a network, an optimizer, a loader and all random states.

    Args:
        network: Its weights, gradients, buffers (those that are in no state too) and modes count.
        optimizer: Its state and the options of its groups count.
        loader: Its position counts if it has a state, and its random generators do.
    """

    def __init__(self, network: Module, optimizer: Optimizer, loader: object) -> None:
        self._undo: list[Callable[[], object]] = [
            NetworkMode(network).restore,
            *(_tensors(module) for module in network.modules()),
            _options(optimizer),
            _state(optimizer),
            *_random_states(loader),
        ]
        if isinstance(loader, Stateful):
            position = deepcopy(loader.state_dict())
            self._undo.append(lambda: loader.load_state_dict(position))

    def restore(self) -> None:
        """Put everything back."""
        for undo in self._undo:
            undo()


def _tensors(module: Module) -> Callable[[], object]:
    saved = [
        (place, name, tensor, _copy(tensor), tensor.grad, _copy(tensor.grad))
        for place in (module._parameters, module._buffers)
        for name, tensor in place.items()
        if tensor is not None
    ]

    def undo() -> None:
        with torch.no_grad():
            for place, name, tensor, value, gradient, gradient_value in saved:
                place[name] = tensor  # type: ignore[assignment]  # a parameter where one was
                tensor.copy_(value)
                tensor.grad = gradient
                if gradient is not None:
                    gradient.copy_(gradient_value)

    return undo


def _copy(tensor: Tensor | None) -> Any:
    return None if tensor is None else tensor.detach().clone()


def _options(optimizer: Optimizer) -> Callable[[], object]:
    saved = [
        {key: (value, deepcopy(value)) for key, value in group.items() if key != "params"}
        for group in optimizer.param_groups
    ]

    def undo() -> None:
        for group, options in zip(optimizer.param_groups, saved, strict=True):
            for key in group.keys() - options.keys() - {"params"}:
                del group[key]
            for key, (original, value) in options.items():
                if isinstance(original, Tensor):
                    original.copy_(value)
                    group[key] = original
                else:
                    group[key] = value

    return undo


def _state(optimizer: Optimizer) -> Callable[[], object]:
    # Not through `load_state_dict`, which casts to the precision of the weights.
    saved = {key: deepcopy(value) for key, value in optimizer.state.items()}

    def undo() -> None:
        optimizer.state.clear()
        optimizer.state.update(saved)

    return undo


def _random_states(loader: object) -> list[Callable[[], object]]:
    python, cpu = random.getstate(), torch.get_rng_state()
    undo: list[Callable[[], object]] = [
        lambda: random.setstate(python),
        lambda: torch.set_rng_state(cpu),
    ]
    if "numpy" in sys.modules:
        numpy = sys.modules["numpy"].random
        global_state = numpy.get_state()
        undo.append(lambda: numpy.set_state(global_state))
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # torch has no types for it
        devices = torch.cuda.get_rng_state_all()
        undo.append(lambda: torch.cuda.set_rng_state_all(devices))
    sampler = getattr(loader, "sampler", None)
    for owner in (loader, sampler, getattr(loader, "batch_sampler", None)):
        generator = getattr(owner, "generator", None)
        if isinstance(generator, torch.Generator):
            state = generator.get_state()
            undo.append(lambda generator=generator, state=state: generator.set_state(state))  # type: ignore[misc]  # bound now
    return undo
