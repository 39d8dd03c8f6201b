# SPDX-License-Identifier: MIT
"""The state of a scheduler, with the learning rates that it has set."""

from __future__ import annotations

from copy import deepcopy
from typing import IO, Final

import torch
from torch.optim.lr_scheduler import LRScheduler

from callbacks_core import PathLike, State, durable_open

from ._plain import plain
from ._rates import get_momentum, get_rates, set_momentum, set_rates

_KEYS: Final = {"scheduler", "rates", "base_rates", "initial_rates"}


def state_of(scheduler: LRScheduler) -> State:
    """Return a scheduler's state and its groups' learning rates, and momenta if it moves them."""
    optimizer = scheduler.optimizer
    state: State = {"scheduler": plain(scheduler.state_dict()), "rates": get_rates(optimizer)}
    if _cycles_momentum(scheduler):
        state["momenta"] = [get_momentum(group) for group in optimizer.param_groups]
    return state


def apply_state(state: State, scheduler: LRScheduler) -> None:
    """Give a scheduler, and its optimizer's groups, what `state_of` has returned."""
    scheduler.load_state_dict(deepcopy(state["scheduler"]))
    set_rates(scheduler.optimizer, state["rates"])
    for group, momentum in zip(
        scheduler.optimizer.param_groups, state.get("momenta", ()), strict=False
    ):
        set_momentum(group, momentum)


def check_state(name: str, state: State) -> None:
    """Raise unless *state* is one of a schedule's callback.

    Raises:
        ValueError: It is not.
    """
    missing = _KEYS - state.keys()
    if missing:
        raise ValueError(
            f"this is not the state of a {name} callback: it has no "
            f"{', '.join(map(repr, sorted(missing)))}"
        )


def save_state(state: State, file: PathLike | IO[bytes]) -> None:
    """Save a state, durably when *file* is a path."""
    if hasattr(file, "write"):
        torch.save(state, file)
        return
    with durable_open(file) as opened:
        torch.save(state, opened)


def _cycles_momentum(scheduler: LRScheduler) -> bool:
    inner = getattr(scheduler, "_schedulers", ())
    return getattr(scheduler, "cycle_momentum", False) or any(map(_cycles_momentum, inner))
