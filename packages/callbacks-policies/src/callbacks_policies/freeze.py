# SPDX-License-Identifier: MIT
"""Leave parts of a network out of training."""

from __future__ import annotations

from collections.abc import Iterable

from callbacks_core import whole_number

from ._freezing import Freezing, Stage
from ._names import patterns_of


class Freeze(Freezing):
    """Leave parameters out of training, at first or throughout.

    It is how a pretrained network is given a new head: ``Freeze("backbone", until_epoch=3)``
    trains the head alone for two epochs, so that its first, wild gradients destroy nothing.

    A frozen parameter gets no gradient at all, so that no optimizer moves it, by weight decay or
    momentum neither, and what the optimizer remembered of it is dropped: when it is trained again
    it begins like a new one. What is frozen depends on the epoch's number alone, so that a resumed
    run needs no state. When training ends, everything can be trained again that could be before.
    Put it before callbacks that look at gradients, such as a `ClipNorm`.

    Args:
        pattern: The names of what is frozen, as ``network.named_parameters()`` tells them, or of
            modules that hold it: ``"backbone"``, ``"encoder.layers.[0-3]"``, ``"*.bias"``, or
            several of them.
        until_epoch: The number of the epoch from which on they are trained; None for never.
        batch_norm: Whether batch normalization that is frozen is put into evaluation mode as well,
            so that its statistics stay as they were.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: There is no pattern, or *until_epoch* is less than 2.
    """

    def __init__(
        self,
        pattern: str | Iterable[str],
        *,
        until_epoch: int | None = None,
        batch_norm: bool = True,
    ) -> None:
        self.patterns = patterns_of("pattern", pattern)
        if until_epoch is not None:
            whole_number("until_epoch", until_epoch, at_least=2)
        self.until_epoch = until_epoch
        super().__init__([Stage(self.patterns, until_epoch)], batch_norm=batch_norm)
