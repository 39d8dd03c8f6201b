# SPDX-License-Identifier: MIT
"""What tells a saver that it is time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from callbacks_core import State
from callbacks_core.signals import carried_to_its_end

if TYPE_CHECKING:
    from ._any import AnyTrigger


_logger = logging.getLogger("callbacks_checkpoint")


class Trigger:
    """Tells when to save.

    Triggers are joined by ``|``: ``EveryEpochs(5) | EveryMinutes(30) | OnSignal()`` saves whenever
    one of them says so. One object is for one saver, which asks it at each boundary and tells it
    what came of the answer. A trigger of your own overrides what it needs.

    Attributes:
        within_epochs: Whether it can be time before an epoch is over.
        agreed: Whether it goes off in all processes that train together, or in none. For others
            these ask each other at each boundary, where they have to save at once.
    """

    within_epochs: bool = False
    agreed: bool = False

    def begin(self, *, resumed: bool) -> None:
        """Training begins.

        Args:
            resumed: Whether a state was loaded, from which to go on.
        """

    def after_batch(self) -> bool:
        """Whether to save now that an optimizer step is over."""
        return False

    def after_epoch(self, epoch_number: int) -> bool:
        """Whether to save now that an epoch is over."""
        return False

    def after_exception(self, exception: BaseException) -> bool:
        """Whether to save now that *exception* ends the training."""
        return False

    def done(self, *, saved: bool) -> None:
        """The saver has acted upon a yes.

        Args:
            saved: Whether the save was a success.
        """

    def end(self) -> None:
        """Training is over, however it ended; may be called more than once."""

    def state_dict(self) -> State:
        """Return what a resumed training has to know."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Take up what `state_dict` returned."""

    def __or__(self, other: Trigger) -> AnyTrigger:
        """Return a trigger that goes off when either does."""
        from ._any import AnyTrigger

        if not isinstance(other, Trigger):
            return NotImplemented
        return AnyTrigger(self, other)


@contextmanager
def acted_upon(trigger: Trigger, path: str) -> Iterator[None]:
    """Tell *trigger* what came of the save in the block, which no signal's deadline breaks off.

    Args:
        trigger: The trigger that went off.
        path: What is saved, for the report of an error that a signal would hide.
    """
    try:
        with carried_to_its_end():
            yield
    except Exception as error:
        try:
            trigger.done(saved=False)
        except BaseException:
            _logger.error("cannot save %r, and a signal ends the run", path, exc_info=error)
            raise
        raise
    trigger.done(saved=True)
