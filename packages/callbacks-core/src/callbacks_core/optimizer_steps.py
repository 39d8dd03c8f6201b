# SPDX-License-Identifier: MIT
"""The steps that an optimizer takes, counted as they happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.optim import Optimizer


class OptimizerSteps:
    """Counts the steps of an optimizer, for what moves with each of them.

    The optimizer itself tells, so that the count is right with accumulation, where several
    batches make one step, and with mixed precision, where a step is skipped when a gradient has
    overflowed, in any loop.
    """

    def __init__(self) -> None:
        self._count = 0
        self._handle: Any = None

    def watch(self, optimizer: Optimizer) -> None:
        """Count the steps of *optimizer* from now on, and no others."""
        self.release()
        self._count = 0
        self._handle = optimizer.register_step_post_hook(self._add_one)

    def _add_one(self, *_: object) -> None:
        self._count += 1

    def take(self) -> int:
        """Return the number of steps since it was last asked for."""
        count, self._count = self._count, 0
        return count

    def release(self) -> None:
        """Count no further step; those counted so far can still be taken."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.remove()

    def __getstate__(self) -> dict[str, object]:
        """Pickle and copy without the optimizer; a copy counts once it is told to."""
        return {"_count": 0, "_handle": None}
