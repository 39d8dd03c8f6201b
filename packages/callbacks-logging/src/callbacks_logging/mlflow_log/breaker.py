# SPDX-License-Identifier: MIT
"""How long a server that fails is left alone."""

from __future__ import annotations

from time import monotonic
from typing import Final

_FIRST: Final = 1.0
_LONGEST: Final = 60.0


class Breaker:
    """Lets attempts pass, and none for a while after one that failed: each time twice as long."""

    def __init__(self) -> None:
        self._wait = 0.0
        self._until = 0.0

    @property
    def lets_pass(self) -> bool:
        """Whether it is time for an attempt."""
        return not self._wait or monotonic() >= self._until

    def failed(self) -> None:
        """An attempt has failed."""
        self._wait = min(max(_FIRST, 2 * self._wait), _LONGEST)
        self._until = monotonic() + self._wait

    def worked(self) -> None:
        """An attempt went well."""
        self._wait = 0.0
