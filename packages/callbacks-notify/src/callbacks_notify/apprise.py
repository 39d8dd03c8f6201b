# SPDX-License-Identifier: MIT
"""Notifications through Apprise, which knows a hundred services."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING

from callbacks_core import Secret
from callbacks_core.secrets import redact_record

from .errors import DeliveryError
from .notificator import Notificator

if TYPE_CHECKING:
    from apprise import Apprise


class AppriseNotificator(Notificator):
    """Send notifications to the services that Apprise knows, by their addresses.

    The addresses hold tokens, so they are secrets: nothing shows them, not even Apprise's own log.

    Args:
        *urls: Addresses such as ``"tgram://…"`` or ``"ntfy://…"``, or secrets from the
            environment; see https://appriseit.com/services/.

    Raises:
        ImportError: Apprise is not installed.
        TypeError: One of *urls* is no str or `Secret`.
        ValueError: There is none, or Apprise does not understand one.
    """

    def __init__(self, *urls: str | Secret) -> None:
        if find_spec("apprise") is None:
            raise ImportError(
                'AppriseNotificator needs Apprise: pip install "callbacks-notify[apprise]"'
            )
        if not urls:
            raise ValueError("AppriseNotificator needs an address")
        self._urls = tuple(Secret.of(url) for url in urls)
        self._schemes = tuple(url.reveal().partition("://")[0] for url in self._urls)
        self._open()

    def __repr__(self) -> str:
        """Show the kinds of services, and no address."""
        return f"{type(self).__name__}({', '.join(f'{name}://***' for name in self._schemes)})"

    def send_notification(self, message: str, *, subject: str | None = None) -> None:
        """Send the message to each service.

        Raises:
            DeliveryError: One of them did not take it.
        """
        # an empty body is refused by Apprise, and the subject alone says it all
        if not self._open().notify(body=message or subject or " ", title=subject or ""):
            raise DeliveryError(f"{' or '.join(sorted(set(self._schemes)))} did not take it")

    def _open(self) -> Apprise:
        from apprise import Apprise

        logging.getLogger("apprise").addFilter(redact_record)
        services = Apprise()
        for index, url in enumerate(self._urls):
            if not services.add(url.reveal()):
                raise ValueError(f"Apprise does not understand address number {index + 1}")
        return services
