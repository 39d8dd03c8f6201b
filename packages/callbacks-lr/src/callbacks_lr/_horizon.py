# SPDX-License-Identifier: MIT
"""Whether a schedule fits the run that it is used in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal


def steps_of_run(
    params: Mapping[str, Any] | None, step_on: Literal["epoch", "batch"]
) -> int | None:
    """Return how often a schedule steps in a run, by what the run tells; None when it does not.

    Accumulation is not told: with it there are fewer steps than batches.
    """
    epochs = (params or {}).get("epochs")
    batches = 1 if step_on == "epoch" else (params or {}).get("steps")
    return None if epochs is None or batches is None else epochs * batches


def misfit(
    name: str,
    horizon: int,
    params: Mapping[str, Any],
    step_on: Literal["epoch", "batch"],
    past_end: str | None,
) -> str | None:
    """Return what to tell of a schedule made for *horizon* steps, or None when it fits.

    Args:
        name: The schedule's name.
        horizon: The steps that its shape takes.
        params: What the run tells of itself.
        step_on: What it steps on.
        past_end: What it does past its end; None when it stays as it is, which is no misfit.
    """
    run = steps_of_run(params, step_on)
    if run is None or run == horizon:
        return None
    size = f"{params['epochs']} epochs"
    if params.get("steps") is not None:
        size += f" of {params['steps']} batches"
    made = f"{name} is made for {horizon} steps, but this run has {run} of them ({size})"
    if run > horizon:
        return None if past_end is None else f"{made}: past its end {past_end}"
    other: Literal["epoch", "batch"] = "epoch" if step_on == "batch" else "batch"
    hint = f'; step_on="{other}" would fit' if steps_of_run(params, other) == horizon else ""
    return f"{made}: it will not come to its end{hint}"


def needed_steps(name: str, own: int | None, run: int | None) -> int:
    """Return the steps that a schedule is made for: its *own*, or those of the *run*.

    Raises:
        ValueError: Neither is known.
    """
    total = run if own is None else own
    if total is None:
        raise ValueError(
            f"{name} takes its number of steps from the run, which does not tell it: pass "
            f"`total_steps`, or tell the loop the number of steps in an epoch"
        )
    return max(total, 1)
