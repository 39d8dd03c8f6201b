# SPDX-License-Identifier: MIT
"""Checks of the schedules that others are composed of."""

from __future__ import annotations

from collections.abc import Sequence

from .scheduler_callback import LRSchedulerCallback, StepOn


def checked_parts(whole: str, parts: object) -> list[LRSchedulerCallback]:
    """Return *parts* as a list, if a schedule can be composed of them.

    Raises:
        TypeError: It is no list of schedules of this package.
        ValueError: It is empty, or one of them follows a value in the logs.
    """
    if not isinstance(parts, Sequence) or isinstance(parts, str):
        raise TypeError(f"{whole} takes a list of schedules, not {parts!r}")
    if not parts:
        raise ValueError(f"{whole} needs at least one schedule")
    for index, part in enumerate(parts):
        if not isinstance(part, LRSchedulerCallback):
            raise TypeError(
                f"schedulers[{index}] must be a schedule of callbacks_lr, made without an "
                f"optimizer, not {_kind(part)}"
            )
        if part.monitor is not None:
            raise ValueError(
                f"{whole} cannot have a part that follows a value in the logs, as "
                f"schedulers[{index}], a {type(part).__name__}, does: pass it to the loop beside it"
            )
    return list(parts)


def common_step_on(parts: Sequence[LRSchedulerCallback], step_on: StepOn | None) -> StepOn:
    """Return what to step on: *step_on*, or by default what all *parts* step on.

    Raises:
        ValueError: They differ, and *step_on* is not given.
    """
    if step_on is not None:
        return step_on
    ways = {part.step_on for part in parts}
    if len(ways) > 1:
        named = ", ".join(f"{type(part).__name__} on {part.step_on!r}" for part in parts)
        raise ValueError(f"the parts step on different things ({named}): pass `step_on`")
    return parts[0].step_on


def group_count(parts: Sequence[LRSchedulerCallback]) -> int:
    """Return how many parameter groups the parts are made for."""
    return max(part.groups for part in parts)


def _kind(part: object) -> str:
    return f"the class {part.__name__}" if isinstance(part, type) else type(part).__name__
