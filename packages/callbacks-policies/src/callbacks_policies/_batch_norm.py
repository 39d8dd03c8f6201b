# SPDX-License-Identifier: MIT
"""The statistics that batch normalization evaluates with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import distributed
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn

from callbacks_core import NetworkMode


def has_statistics(network: torch.nn.Module) -> bool:
    """Whether a network keeps statistics of batch normalization."""
    return bool(_norms(network))


def renew_statistics(network: torch.nn.Module, loader: Iterable[Any]) -> None:
    """Work the statistics out anew, for the weights that the network has now.

    Modes, momenta and torch's random numbers are put back.

    Raises:
        ValueError: *loader* has no batch.
    """
    norms = _norms(network)
    if not norms:
        return
    device = next(network.parameters()).device
    mode, momenta = NetworkMode(network), [norm.momentum for norm in norms]
    on_gpu = [device] if device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=on_gpu):
            update_bn(_some(loader), network, device)
    finally:
        mode.restore()
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum  # torch leaves None there when the loader breaks
    _agree(norms)


def _norms(network: torch.nn.Module) -> list[_BatchNorm]:
    return [
        module
        for module in network.modules()
        if isinstance(module, _BatchNorm) and module.running_mean is not None
    ]


def _some(loader: Iterable[Any]) -> Iterator[Any]:
    empty = True
    for batch in loader:
        empty = False
        yield batch
    if empty:
        raise ValueError(
            "`loader` has no batch to work out the statistics of batch normalization with"
        )


@torch.no_grad()
def _agree(norms: list[_BatchNorm]) -> None:
    """Make the statistics of each rank those of all ranks together."""
    if not distributed.is_available() or not distributed.is_initialized():
        return
    ranks = distributed.get_world_size()
    for norm in norms:
        mean, variance = norm.running_mean, norm.running_var
        if mean is None or variance is None:
            continue
        square = variance + mean**2
        for moment in (mean, square):
            distributed.all_reduce(moment)
            moment.div_(ranks)
        variance.copy_(square - mean**2)
