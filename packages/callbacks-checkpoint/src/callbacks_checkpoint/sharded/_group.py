# SPDX-License-Identifier: MIT
"""What the processes of a group do together, so that none waits for one that has failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from torch import distributed

from callbacks_core import rank, world_size

_Result = TypeVar("_Result")


class OtherRankError(RuntimeError):
    """Another process of the group could not do its part."""


def together(part: Callable[[], _Result]) -> list[_Result]:
    """Do a part each, and return what all have returned, by their ranks.

    Args:
        part: What this process does.

    Raises:
        Exception: What *part* has raised here.
        OtherRankError: It was raised elsewhere; the message tells where and what.
    """
    result: _Result | None = None
    error: Exception | None = None
    try:
        result = part()
    except Exception as caught:
        error = caught
    told = None if error is None else f"{type(error).__name__}: {error}"
    all_told = _gathered((result, told))
    if error is not None:
        raise error
    for number, (_, problem) in enumerate(all_told):
        if problem is not None:
            raise OtherRankError(f"rank {number} failed with {problem}")
    return [cast(_Result, result) for result, _ in all_told if result is not None]


def on_rank_zero(part: Callable[[], _Result]) -> _Result:
    """Have rank zero do something, and return what it returned, in every process.

    Args:
        part: What rank zero does; it may not return None.

    Raises:
        Exception: As for `together`.
    """
    return together(lambda: part() if rank() == 0 else None)[0]  # type: ignore[return-value]  # rank zero's is first and is no None


def _gathered(value: object) -> list[tuple[object, str | None]]:
    if not (distributed.is_available() and distributed.is_initialized()):
        return [value]  # type: ignore[list-item]  # of the one process that there is
    values: list[object] = [None] * world_size()
    distributed.all_gather_object(values, value)
    return values  # type: ignore[return-value]  # as each has sent it
