# SPDX-License-Identifier: MIT
"""Several triggers as one."""

from __future__ import annotations

from contextlib import ExitStack

from callbacks_core import State

from ._trigger import Trigger


class AnyTrigger(Trigger):
    """Goes off when any of several triggers does; what ``|`` makes.

    Args:
        *triggers: The triggers.
    """

    def __init__(self, *triggers: Trigger) -> None:
        self.triggers: list[Trigger] = []
        for trigger in triggers:
            self.triggers += trigger.triggers if isinstance(trigger, AnyTrigger) else [trigger]
        self.agreed = all(trigger.agreed for trigger in self.triggers)
        self.within_epochs = any(trigger.within_epochs for trigger in self.triggers)

    def begin(self, *, resumed: bool) -> None:
        for trigger in self.triggers:
            trigger.begin(resumed=resumed)

    # Each one is asked every time, as some of them count how often.

    def after_batch(self) -> bool:
        answers = [trigger.after_batch() for trigger in self.triggers]
        return any(answers)

    def after_epoch(self, epoch_number: int) -> bool:
        answers = [trigger.after_epoch(epoch_number) for trigger in self.triggers]
        return any(answers)

    def after_exception(self, exception: BaseException) -> bool:
        answers = [trigger.after_exception(exception) for trigger in self.triggers]
        return any(answers)

    def done(self, *, saved: bool) -> None:
        with ExitStack() as stack:  # all of them, even if a signal ends the process
            for trigger in reversed(self.triggers):
                stack.callback(trigger.done, saved=saved)

    def end(self) -> None:
        with ExitStack() as stack:
            for trigger in reversed(self.triggers):
                stack.callback(trigger.end)

    def state_dict(self) -> State:
        """Return the states of the triggers, in their order."""
        return {"triggers": [trigger.state_dict() for trigger in self.triggers]}

    def load_state_dict(self, state: State) -> None:
        """Give each trigger its state."""
        for trigger, its_state in zip(self.triggers, state.get("triggers", ()), strict=False):
            if its_state:
                trigger.load_state_dict(its_state)
