# SPDX-License-Identifier: MIT
"""A trigger for a training that breaks."""

from __future__ import annotations

from ._trigger import Trigger


class OnException(Trigger):
    """Goes off when an exception ends the training.

    The exception may have come in the middle of an optimizer step, or because of what the weights
    have become: give such a saver a file of its own, rather than that of the last good state.

    Args:
        *kinds: The classes of exceptions; `Exception` by default, which Ctrl-C and `SystemExit`
            are not.

    Raises:
        TypeError: One of them is no class of exceptions.
    """

    within_epochs = True

    def __init__(self, *kinds: type[BaseException]) -> None:
        given: tuple[object, ...] = kinds
        for kind in given:
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):
                raise TypeError(f"a kind must be a class of exceptions, not {kind!r}")
        self.kinds = kinds or (Exception,)

    def after_exception(self, exception: BaseException) -> bool:
        return isinstance(exception, self.kinds)
