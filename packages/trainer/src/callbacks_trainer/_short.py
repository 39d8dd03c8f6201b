# SPDX-License-Identifier: MIT
"""Trainings made short, to try whether all of it works before it is meant."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from callbacks_core import (
    Callback,
    CallbackList,
    PathLike,
    is_rank_zero,
    loader_length,
    whole_number,
)

Callbacks: TypeAlias = Iterable[Callback] | Callback | None

_logger = logging.getLogger("callbacks_trainer")


class Plan(NamedTuple):
    """What is to be trained."""

    train: Iterable[Any]
    valid: Iterable[Any] | None
    epochs: int
    initial_epoch: int
    steps: int | None
    valid_steps: int | None
    callbacks: Callbacks
    resume: PathLike | None


def shortened(
    plan: Plan,
    *,
    fast_dev_run: bool | int,
    limit_batches: int | float | None,
    overfit_batches: int | None,
) -> Plan:
    """Return a plan with fewer batches, as it was asked for.

    Args:
        plan: The whole training.
        fast_dev_run: Whether to train one epoch of one batch, or of so many, without the callbacks
            that write something.
        limit_batches: How many batches to take of each loader at most; or which part of it.
        overfit_batches: How many batches to train on in every epoch, and to validate with.

    Raises:
        TypeError: An option is of the wrong kind.
        ValueError: An option is out of range.
    """
    if overfit_batches is not None:
        plan = _overfitting(plan, overfit_batches)
    if limit_batches is not None:
        steps = _limited("limit_batches", limit_batches, plan.train, plan.steps)
        valid_steps = plan.valid_steps
        if plan.valid is not None:
            valid_steps = _limited("limit_batches", limit_batches, plan.valid, plan.valid_steps)
        plan = plan._replace(steps=steps, valid_steps=valid_steps)
    if fast_dev_run is not False:
        plan = _fast(plan, 1 if fast_dev_run is True else fast_dev_run)
    return plan


def _limited(name: str, limit: int | float, loader: Iterable[Any], steps: int | None) -> int:
    """Return the number of batches to take of *loader*."""
    length = loader_length(loader) if steps is None else steps
    if isinstance(limit, float):
        if not 0 < limit <= 1:
            raise ValueError(
                f"`{name}` must be a number of batches, or a part from 0 to 1, not {limit!r}"
            )
        if length is None:
            raise ValueError(
                f"`{name}` is {limit!r}, a part of a loader that does not tell its length: pass a "
                f"number of batches"
            )
        return max(1, int(length * limit))
    whole_number(name, limit, at_least=1)
    return limit if length is None else min(limit, length)


def _overfitting(plan: Plan, count: int) -> Plan:
    whole_number("overfit_batches", count, at_least=1)
    batches = list(islice(plan.train, count))
    valid = None if plan.valid is None else batches
    return plan._replace(train=batches, valid=valid, steps=None, valid_steps=None)


def _fast(plan: Plan, count: int) -> Plan:
    whole_number("fast_dev_run", count, at_least=1)
    kept, dropped = _split(CallbackList(plan.callbacks))
    if dropped and is_rank_zero():
        names = ", ".join(type(callback).__name__ for callback in dropped)
        _logger.warning("a fast_dev_run leaves out what only watches or saves: %s", names)
    valid_steps = None
    if plan.valid is not None:
        valid_steps = _limited("fast_dev_run", count, plan.valid, plan.valid_steps)
    return plan._replace(
        epochs=plan.initial_epoch,
        steps=_limited("fast_dev_run", count, plan.train, plan.steps),
        valid_steps=valid_steps,
        callbacks=CallbackList(kept),
        resume=None,
    )


def _split(callbacks: Iterable[Callback]) -> tuple[list[Callback], list[Callback]]:
    """Return the callbacks that steer the training, and those that watch or save it."""
    kept: list[Callback] = []
    dropped: list[Callback] = []
    for callback in callbacks:
        if isinstance(callback, CallbackList):
            inner = _split(callback)
            kept.append(CallbackList(inner[0]))
            dropped += inner[1]
        else:
            (kept if callback.on_error == "raise" else dropped).append(callback)
    return kept, dropped
