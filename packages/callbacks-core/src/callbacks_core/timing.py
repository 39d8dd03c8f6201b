# SPDX-License-Identifier: MIT
"""How long each callback took."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class HookTime(NamedTuple):
    """The calls of one hook of one callback."""

    callback: str
    hook: str
    calls: int
    seconds: float
    slowest: float


def time_table(rows: Iterable[HookTime]) -> str:
    """Return *rows* as a table, with the mean of each row and the total of all.

    Args:
        rows: What `CallbackList.times` returned.
    """
    listed = list(rows)
    width = max([len(f"{row.callback}.{row.hook}") for row in listed], default=0)
    width = max(width, len("callback"))
    lines = [f"{'callback':<{width}}  {'calls':>8}  {'total s':>9}  {'mean µs':>9}  {'max µs':>9}"]
    for row in listed:
        lines.append(
            f"{row.callback + '.' + row.hook:<{width}}  {row.calls:>8}  {row.seconds:>9.3f}  "
            f"{row.seconds / row.calls * 1e6:>9.1f}  {row.slowest * 1e6:>9.1f}"
        )
    total = sum(row.seconds for row in listed)
    lines.append(f"{'total':<{width}}  {sum(row.calls for row in listed):>8}  {total:>9.3f}")
    return "\n".join(lines)
