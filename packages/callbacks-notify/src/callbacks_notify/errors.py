# SPDX-License-Identifier: MIT
"""How a channel says that a message was not taken."""

from __future__ import annotations

from typing import Final

_HOPELESS: Final = (
    AttributeError,
    ImportError,
    LookupError,
    NotImplementedError,
    TypeError,
    ValueError,
)


class DeliveryError(Exception):
    """A message was not taken; the text says why, and holds no secret.

    A channel of your own may raise it to say whether it is worth to try again.

    Args:
        reason: What to tell the user, without addresses and passwords.
        permanent: Whether the same message would be refused again.
        retry_after: How many seconds the other side asks to wait before the next attempt.
    """

    def __init__(
        self, reason: str, *, permanent: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(reason)
        self.permanent = permanent
        self.retry_after = retry_after


def is_permanent(error: BaseException) -> bool:
    """Whether there is no use in trying again: it was refused, or the program is wrong."""
    if isinstance(error, DeliveryError):
        return error.permanent
    return isinstance(error, _HOPELESS) and not isinstance(error, OSError)


def describe(error: BaseException) -> str:
    """Return what may be told of *error*: the text of our own, the kind of somebody else's.

    The text of another one may hold the address of a webhook, and that is as good as a password.
    """
    return str(error) if isinstance(error, DeliveryError) else type(error).__name__
