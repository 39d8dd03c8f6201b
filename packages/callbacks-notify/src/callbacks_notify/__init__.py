# SPDX-License-Identifier: MIT
"""Tell somebody how training goes."""

from .__about__ import __version__
from .callback import NotificationCallback
from .console import ConsoleNotificator
from .notificator import Notificator, Sender

__all__ = ["ConsoleNotificator", "NotificationCallback", "Notificator", "Sender", "__version__"]
