# SPDX-License-Identifier: MIT
"""Parameters that are left out of training for some epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from callbacks_core import Callback, Logs

from ._names import bare, matches, require_matches


class Stage(NamedTuple):
    """What is frozen together."""

    patterns: tuple[str, ...]
    """Of the names of parameters, or of modules that have them."""
    until: int | None
    """The epoch from which on they are trained; None for never."""


class Freezing(Callback):
    """Leave parameters out of training, in stages, each until an epoch.

    A frozen parameter gets no gradient at all, so that no optimizer moves it, by weight decay or
    momentum neither, and what the optimizer remembered of it is dropped: when it is trained again
    it begins like a new one. What is frozen depends on the epoch's number alone; there is no
    state. When training ends, everything can be trained again that could be before.

    Args:
        stages: The stages; a parameter that several match belongs to the first of them.
        batch_norm: Whether batch normalization whose parameters are frozen is put into evaluation
            mode as well, so that its statistics stay.

    Raises:
        TypeError: *batch_norm* is not True or False.
    """

    def __init__(self, stages: Sequence[Stage], *, batch_norm: bool) -> None:
        if not isinstance(batch_norm, bool):
            raise TypeError(f"`batch_norm` must be True or False, not {batch_norm!r}")
        self.batch_norm = batch_norm
        self._stages = tuple(stages)
        self._frozen: dict[torch.nn.Parameter, bool] = {}
        self._still: list[torch.nn.Module] = []

    def listens_to(self, hook: str) -> bool:
        """Look at batches only for batch normalization that is to stay still."""
        return super().listens_to(hook) and (hook != "on_train_batch_begin" or self.batch_norm)

    def on_train_begin(self, logs: Logs) -> None:
        """Look for the parameters.

        Raises:
            ValueError: A pattern matches none, all are frozen, or one is to be trained later that
                the optimizer does not have.
        """
        self._thaw_all()
        network, optimizer = bare(self.model.network), self.model.optimizer
        require_matches(network, [part for stage in self._stages for part in stage.patterns])
        if all(self._is_frozen(name, 1) for name, _ in network.named_parameters()):
            raise ValueError(
                "every parameter of the network would be frozen, and nothing trained: leave out of "
                "the patterns what is to be trained from the start"
            )
        known = {} if optimizer is None else _parameters_of(optimizer)
        for name, parameter in network.named_parameters():
            stage = self._stage_of(name)
            if stage is None or stage.until is None or parameter in known or optimizer is None:
                continue
            raise ValueError(
                f"{name!r} is to be trained from epoch {stage.until} on, but the optimizer does "
                f"not have it: make it with all parameters, also those that are frozen at first"
            )

    def _stage_of(self, name: str) -> Stage | None:
        return next((stage for stage in self._stages if matches(name, stage.patterns)), None)

    def _is_frozen(self, name: str, epoch: int) -> bool:
        stage = self._stage_of(name)
        return stage is not None and (stage.until is None or epoch < stage.until)

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Freeze and thaw what the epoch asks for."""
        network = bare(self.model.network)
        for name, parameter in network.named_parameters():
            if not self._is_frozen(name, epoch_number):
                self._thaw(parameter)
            elif parameter not in self._frozen:
                self._freeze(parameter)
        before = self._still
        self._still = [
            module
            for path, module in network.named_modules()
            if isinstance(module, _BatchNorm) and self._stays(path, module, epoch_number)
        ]
        for module in before:
            module.training = module in self._still or network.training

    def _freeze(self, parameter: torch.nn.Parameter) -> None:
        self._frozen[parameter] = parameter.requires_grad
        if not isinstance(self.model.network, DistributedDataParallel):
            parameter.requires_grad_(False)  # there, every rank waits for each gradient
        parameter.grad = None
        if self.model.optimizer is not None:
            self.model.optimizer.state.pop(parameter, None)

    def _thaw(self, parameter: torch.nn.Parameter) -> None:
        before = self._frozen.pop(parameter, None)
        if before is not None:
            parameter.requires_grad_(before)

    def _thaw_all(self) -> None:
        for parameter in list(self._frozen):
            self._thaw(parameter)
        self._still = []

    def _stays(self, path: str, module: torch.nn.Module, epoch: int) -> bool:
        own = [name for name, _ in module.named_parameters(path)]
        own = own or [name for name, _ in module.named_buffers(path)]
        return self.batch_norm and bool(own) and all(self._is_frozen(name, epoch) for name in own)

    def on_train_batch_begin(self, batch_number: int, logs: Logs) -> None:
        """Keep batch normalization still; the loop has put the network into training mode."""
        for module in self._still:
            module.training = False

    def on_backward_end(self, batch_number: int) -> None:
        """Drop gradients that came all the same, as they do under `DistributedDataParallel`."""
        if isinstance(self.model.network, DistributedDataParallel):
            for parameter in self._frozen:
                parameter.grad = None

    def on_train_end(self, logs: Logs) -> None:
        """Let everything be trained again."""
        self._thaw_all()

    def close(self) -> None:
        """Let everything be trained again."""
        self._thaw_all()

    def __getstate__(self) -> dict[str, Any]:
        """Pickle and copy the arguments, without the network."""
        return {**super().__getstate__(), "_frozen": {}, "_still": []}


def _parameters_of(optimizer: torch.optim.Optimizer) -> dict[torch.Tensor, None]:
    groups = optimizer.param_groups
    return dict.fromkeys(parameter for group in groups for parameter in group["params"])
