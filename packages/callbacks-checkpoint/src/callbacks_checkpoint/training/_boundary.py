# SPDX-License-Identifier: MIT
"""The state of a run when the training of an epoch is over, and its validation is not."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from callbacks_core import State


def kept(state: State) -> State:
    """Return a state that stays what it is while a validation runs.

    What a validation draws, counts or averages is copied. Tensors of the network, the optimizer
    and callbacks are not: a validation leaves them alone, or puts them back.

    Args:
        state: That of the run.
    """
    callbacks = {key: _contained(own) for key, own in state["callbacks"].items()}
    return {**state, "callbacks": callbacks, "local": _copied(state["local"])}


def _contained(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _contained(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_contained(each) for each in value])
    return value


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_copied(each) for each in value])
    return value
