# SPDX-License-Identifier: MIT
"""A trigger for those who steer a training from a shell."""

from __future__ import annotations

from callbacks_core import ControlFile

from ._trigger import Trigger


class OnControl(Trigger):
    """Goes off when a `ControlFile` is told to save.

    ::

        control = ControlFile("control")
        saver = TrainingCheckpoint("run", trigger=EveryEpochs(1) | OnControl(control))
        model.fit(x, y, callbacks=[control, saver])

    Args:
        control: The callback, which has to be among those of the training.

    Raises:
        TypeError: *control* is no `ControlFile`.
    """

    within_epochs = True
    agreed = True  # the control file's words reach all processes after the same batch

    def __init__(self, control: ControlFile) -> None:
        if not isinstance(control, ControlFile):
            raise TypeError(f"`control` must be a ControlFile, not {control!r}")
        self.control = control
        self._honoured = 0

    def begin(self, *, resumed: bool) -> None:
        self._honoured = self.control.save_requests

    def after_batch(self) -> bool:
        return self.control.save_requests > self._honoured

    def after_epoch(self, epoch_number: int) -> bool:
        return self.after_batch()

    def done(self, *, saved: bool) -> None:
        if saved:
            self._honoured = self.control.save_requests
