# SPDX-License-Identifier: MIT
"""What the callbacks that look at gradients share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..base import Logger
from .observed import Observed

if TYPE_CHECKING:
    from callbacks_core import Logs


class GradientObserver(Logger):
    """Looks at the gradients of each optimizer step, when they are complete and unscaled.

    It sees them as they are at its place in the list of callbacks: clipped behind a `ClipNorm`,
    and as they came before it. Where parameters are spread over ranks all ranks measure; only the
    process of rank zero writes.

    Args:
        keep_bias: Whether to look at parameters whose names contain ``bias``.
    """

    _observed: Observed | None = None

    def __init__(self, *, keep_bias: bool) -> None:
        if not isinstance(keep_bias, bool):
            raise TypeError(f"`keep_bias` must be True or False, not {keep_bias!r}")
        self.keep_bias = keep_bias

    @abstractmethod
    def look(self, observed: Observed) -> None:
        """Look at the gradients of a step, which are complete.

        Called by the training thread, which must not wait for a device here.
        """

    def observes(self) -> Sequence[float]:
        """Return the orders of norms that need a look of their own."""
        return ()

    def on_train_begin(self, logs: Logs) -> None:
        """Open the sink, and find the parameters."""
        super().on_train_begin(logs)
        self._observed = Observed(
            self.model.network, keep_bias=self.keep_bias, orders=self.observes()
        )

    def on_backward_end(self, batch_number: int) -> None:
        """Look at the gradients, where somebody will write or another rank needs this one's."""
        super().on_backward_end(batch_number)
        observed = self._observed
        if observed is not None and (self._session is not None or observed.is_spread):
            self.look(observed)

    def write_epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Write nothing: the values of an epoch are other loggers' to write."""

    def _end(self) -> None:
        try:
            super()._end()
        finally:
            self._observed = None

    def __getstate__(self) -> dict[str, object]:
        """Copy and pickle without the network."""
        return {**super().__getstate__(), "_observed": None}
