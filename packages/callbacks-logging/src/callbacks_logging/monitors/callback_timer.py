# SPDX-License-Identifier: MIT
"""How long callbacks take."""

from __future__ import annotations

import logging
from time import perf_counter
from typing import TYPE_CHECKING, Final

from callbacks_core import Callback, HookTime, is_rank_zero, time_table

if TYPE_CHECKING:
    from callbacks_core import CallbackList, FailurePolicy, Logs

_logger = logging.getLogger(__name__)

_IN_STEPS: Final = frozenset(
    {"on_train_batch_begin", "on_backward_end", "on_train_batch_end", "on_batch_settled"}
)


class CallbackTimer(Callback):
    """Tell which callback costs how much time.

    Each epoch's logs get ``callback_time``, the seconds that all callbacks took since the epoch
    before. A callback that takes more than *share* of the time of the training steps is named in a
    warning, once a training. When training has ended there is a table with each hook of each
    callback, the slowest first.

    Args:
        share: The share of a training step, between 0 and 1, that a callback may take.
        verbose: Whether to print the table; `table` has it in any case.

    Raises:
        TypeError: *share* is no number, or *verbose* no bool.
        ValueError: *share* is not between 0 and 1.

    Example:
        >>> from callbacks_core.testing import play
        >>> timer = CallbackTimer(verbose=False)
        >>> _ = play([timer], [{"loss": 0.5}])
        >>> timer.table.split()[:4]
        ['callback', 'calls', 'total', 's']
    """

    on_error: FailurePolicy = "disable"

    def __init__(self, *, share: float = 0.1, verbose: bool = True) -> None:
        if isinstance(share, bool) or not isinstance(share, int | float):
            raise TypeError(f"`share` must be a number, not {share!r}")
        if not 0 < share <= 1:
            raise ValueError(f"`share` must be more than 0 and at most 1, not {share!r}")
        if not isinstance(verbose, bool):
            raise TypeError(f"`verbose` must be True or False, not {verbose!r}")
        self.share = share
        self.verbose = verbose
        self._list: CallbackList | None = None
        self._rows: list[HookTime] = []
        self._forget()

    def _forget(self) -> None:
        self._before: dict[tuple[str, str], HookTime] = {}
        self._seconds: dict[str, float] = {}
        self._in_steps: dict[str, float] = {}
        self._epoch_begin = self._steps_end = 0.0
        self._named: set[str] = set()

    @property
    def table(self) -> str:
        """The times of the last training, up to its last epoch or its end."""
        return time_table(self._rows)

    def set_callbacks(self, callbacks: CallbackList) -> None:
        """Keep the list, which counts the times."""
        self._list = callbacks

    def on_train_begin(self, logs: Logs) -> None:
        """Begin to count; what the list has counted in an earlier training is left out."""
        self._forget()
        self._rows = []
        if self._list is not None:
            self._before = _by_hook(self._list)

    def on_epoch_begin(self, epoch_number: int, logs: Logs) -> None:
        """Remember when the epoch's steps began."""
        self._epoch_begin = self._steps_end = perf_counter()

    def on_train_batch_end(self, batch_number: int, logs: Logs) -> None:
        """Remember when the epoch's steps ended."""
        self._steps_end = perf_counter()

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Write the time of all callbacks, and name those that took too much of it."""
        before = sum(self._seconds.values())
        self._look()
        logs["callback_time"] = sum(self._seconds.values()) - before
        earlier, self._in_steps = self._in_steps, _summed(self._rows, _IN_STEPS)
        steps = self._steps_end - self._epoch_begin
        for name, seconds in self._in_steps.items():
            took = seconds - earlier.get(name, 0.0)
            if steps > 0 and took > self.share * steps and name not in self._named:
                self._named.add(name)
                _logger.warning(
                    "%s takes %.0f %% of the time of the training steps (%.3g of %.3g s in epoch "
                    "%d)",
                    name,
                    100 * took / steps,
                    took,
                    steps,
                    epoch_number,
                )

    def _look(self) -> None:
        """Take over what the list has counted since training began."""
        if self._list is None:
            return
        rows = []
        for key, row in _by_hook(self._list).items():
            before = self._before.get(key)
            if before is not None:
                calls, seconds = row.calls - before.calls, row.seconds - before.seconds
                row = row._replace(calls=calls, seconds=seconds)
            if row.calls:
                rows.append(row)
        self._rows = sorted(rows, key=lambda row: row.seconds, reverse=True)
        self._seconds = _summed(self._rows)

    def on_train_end(self, logs: Logs) -> None:
        """Print the table, on rank zero."""
        self._look()
        if self.verbose and is_rank_zero() and self._rows:
            print(self.table)

    def close(self) -> None:
        """Let go of the list."""
        self._list = None

    def __getstate__(self) -> dict[str, object]:
        """Copy and pickle without the list."""
        return {**super().__getstate__(), "_list": None}


def _by_hook(callbacks: CallbackList) -> dict[tuple[str, str], HookTime]:
    """Return the times by callback and hook; callbacks of one class are counted together."""
    found: dict[tuple[str, str], HookTime] = {}
    for row in callbacks.times():
        key = (row.callback, row.hook)
        other = found.get(key)
        if other is not None:
            row = HookTime(
                *key,
                row.calls + other.calls,
                row.seconds + other.seconds,
                max(row.slowest, other.slowest),
            )
        found[key] = row
    return found


def _summed(rows: list[HookTime], hooks: frozenset[str] | None = None) -> dict[str, float]:
    """Return the seconds of each callback, in some hooks or in all."""
    found: dict[str, float] = {}
    for row in rows:
        if hooks is None or row.hook in hooks:
            found[row.callback] = found.get(row.callback, 0.0) + row.seconds
    return found
