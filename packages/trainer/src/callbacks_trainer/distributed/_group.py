# SPDX-License-Identifier: MIT
"""The processes that train together, and what they tell each other."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import torch
from torch import Tensor, distributed

from callbacks_core import RunningMeans, Scalar, read_scalars, world_size

_VARIABLES: Final = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def is_launched() -> bool:
    """Whether there are others to train with: a process group, or the variables of ``torchrun``."""
    if not distributed.is_available():
        return False
    there = distributed.is_initialized() or all(name in os.environ for name in _VARIABLES)
    return there and world_size() > 1


def local_device(device: torch.device | str | int | None) -> torch.device | None:
    """Return the device of this process among those of its machine.

    Args:
        device: What was asked for: None for a GPU where there is one, and the CPU otherwise.

    Raises:
        ValueError: It is a certain GPU, and not the one of this process.
    """
    number = int(os.environ.get("LOCAL_RANK", 0))
    if device is None:
        return torch.device("cuda", number) if torch.cuda.is_available() else None
    target = torch.device(device)
    if target.type != "cuda" or target.index == number:
        return target
    if str(target) != "cuda":
        raise ValueError(
            f"device={device!r} names one GPU, and this process is number {number} of its machine: "
            f'with several processes write device="cuda", or leave it out'
        )
    return torch.device("cuda", number)


class Group:
    """The processes that train together.

    What they tell each other goes through the CPU, so that no GPU is waited for. The process
    group is that of the script, or is made for it and taken down at its end.

    Args:
        device: Where this process trains.
    """

    def __init__(self, device: torch.device | None) -> None:
        on_gpu = False
        if device is not None and device.type == "cuda" and torch.cuda.is_available():
            torch.cuda.set_device(device)
            on_gpu = True
        if not distributed.is_initialized():
            distributed.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo")
            atexit.register(_leave)
        _through_the_cpu()
        self.rank = distributed.get_rank()
        self.size = distributed.get_world_size()

    def gather(self, value: Any) -> list[Any]:
        """Return what every process has called this with, by ranks."""
        values: list[Any] = [None] * self.size
        with _Telling():
            distributed.all_gather_object(values, value, group=_through_the_cpu())
        return values

    def any(self, *flags: bool) -> list[bool]:
        """Return for each flag whether it is set in any process; this is quick."""
        told = torch.tensor(flags, dtype=torch.uint8)
        with _Telling():
            distributed.all_reduce(told, distributed.ReduceOp.MAX, group=_through_the_cpu())
        return [bool(flag) for flag in told.tolist()]

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a tensor over the processes."""
        total = value.detach().clone()
        distributed.all_reduce(total)
        return total / self.size

    def means(self, means: RunningMeans) -> dict[str, Scalar]:
        """Return the means over all that was added in any process, in one exchange.

        Every value counts by its weight, as though one process had seen all. A name that only some
        have is averaged over those.
        """
        state = {name: (mean["total"], mean["weight"]) for name, mean in _folded(means).items()}
        tensors = [total for total, _ in state.values() if isinstance(total, Tensor)]
        numbers = iter(read_scalars(tensors))
        own = {
            name: (next(numbers) if isinstance(total, Tensor) else total, weight)
            for name, (total, weight) in state.items()
        }
        everyone: list[Mapping[str, tuple[float, float]]] = self.gather(own)
        names = list(dict.fromkeys(name for one in everyone for name in one))
        return {name: _mean([one[name] for one in everyone if name in one]) for name in names}


def _folded(means: RunningMeans) -> dict[str, Any]:
    means.result()  # adds up what waits
    return means.state_dict()


def _mean(parts: list[tuple[float, float]]) -> float:
    weight = sum(weight for _, weight in parts)
    return sum(total for total, _ in parts) / weight if weight else float("nan")


class _Telling:
    """Says in an error of the network what it most likely comes from."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, RuntimeError):
            error.add_note(
                "another of the processes that train together has most likely ended: its own "
                "error, further up or down, is the one to read"
            )


@cache
def _through_the_cpu() -> Any:
    """Return a group for what lies on the CPU; all processes have to call this the first time."""
    if "gloo" in distributed.get_backend_config():
        return None
    return distributed.new_group(backend="gloo")


def _leave() -> None:
    _through_the_cpu.cache_clear()
    failed = hasattr(sys, "last_type")  # the others cannot be waited for then
    if distributed.is_initialized() and not failed:
        distributed.destroy_process_group()
