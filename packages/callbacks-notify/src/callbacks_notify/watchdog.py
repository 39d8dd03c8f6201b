# SPDX-License-Identifier: MIT
"""A thread that notices when a training no longer moves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic


class Watchdog:
    """Tells when there was no sign of life for some time, and when there is one again.

    A sign of life costs the training one addition: the thread looks at the clock, not the
    training.

    Args:
        patience: How many seconds may pass without a sign of life.
        stalled: Called with the seconds that have passed, once for each time it stalls.
        recovered: Called with the seconds that it took.

    Attributes:
        signs: Add one to it for each sign of life.
    """

    def __init__(
        self,
        patience: float,
        *,
        stalled: Callable[[float], None],
        recovered: Callable[[float], None],
    ) -> None:
        self.signs = 0
        self._patience = patience
        self._stalled = stalled
        self._recovered = recovered
        self._over = threading.Event()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Let the thread end."""
        self._over.set()

    def _watch(self) -> None:
        seen, since, told = self.signs, monotonic(), False
        while not self._over.wait(self._patience / 4):
            now = monotonic()
            if self.signs != seen:
                if told:
                    self._recovered(now - since)
                seen, since, told = self.signs, now, False
            elif not told and now - since >= self._patience:
                told = True
                self._stalled(now - since)
