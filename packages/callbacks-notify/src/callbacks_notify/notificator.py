# SPDX-License-Identifier: MIT
"""What sends a message to somebody."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import Protocol, cast


class Notificator(ABC):
    """The base of a channel to people: implement `send_notification`, and you have one.

    `NotificationCallback` takes anything with such a method, derived from this class or not.
    """

    @abstractmethod
    def send_notification(self, message: str, *, subject: str | None = None) -> None:
        """Send *message*; called from a thread of its own, so it may take its time.

        Args:
            message: The text; it may be empty.
            subject: What it is about, on one line.
        """


class Sender(Protocol):
    """Anything with the method of a `Notificator`."""

    def send_notification(self, message: str, *, subject: str | None = None) -> object:
        """Send *message*."""


def as_sender(value: object) -> Sender:
    """Return *value*, which can send a message with a subject.

    Raises:
        TypeError: It cannot; the message says what it lacks.
    """
    if isinstance(value, type):
        raise TypeError(
            f"`notificator` is the class {value.__name__}, not an instance of it: "
            f"write {value.__name__}(...)"
        )
    name = type(value).__name__
    send = getattr(value, "send_notification", None)
    if not callable(send):
        raise TypeError(
            f"`notificator` must have a method send_notification(message, *, subject=None), "
            f"which {name} has not"
        )
    if not _takes_subject(send):
        raise TypeError(
            f"{name}.send_notification must take a message and a keyword `subject`; "
            f"its signature is {inspect.signature(send)}"
        )
    return cast("Sender", value)


def _takes_subject(send: object) -> bool:
    try:
        signature = inspect.signature(send)  # type: ignore[arg-type]  # it is callable
    except (TypeError, ValueError):  # written in C, and silent about it
        return True
    try:
        signature.bind("message", subject="subject")
    except TypeError:
        return False
    return True
