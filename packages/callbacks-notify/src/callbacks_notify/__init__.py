# SPDX-License-Identifier: MIT
"""Tell somebody how training goes."""

from .__about__ import __version__
from .apprise import AppriseNotificator
from .callback import NotificationCallback
from .command import CommandNotificator
from .console import ConsoleNotificator
from .errors import DeliveryError
from .file import FileNotificator
from .from_url import notificator_from_url
from .mail import EmailNotificator
from .news import Severity
from .notificator import Notificator, Sender
from .webhook import WebhookNotificator

__all__ = [
    "AppriseNotificator",
    "CommandNotificator",
    "ConsoleNotificator",
    "DeliveryError",
    "EmailNotificator",
    "FileNotificator",
    "NotificationCallback",
    "Notificator",
    "Sender",
    "Severity",
    "WebhookNotificator",
    "__version__",
    "notificator_from_url",
]
