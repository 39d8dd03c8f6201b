# SPDX-License-Identifier: MIT
"""A channel by its address alone."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from callbacks_core import Secret

from .apprise import AppriseNotificator
from .console import ConsoleNotificator
from .mail import EmailNotificator
from .notificator import Notificator
from .webhook import WebhookNotificator

_SMTP_PORTS: Final = {"smtp": 587, "smtps": 465}


def notificator_from_url(url: str | Secret) -> Notificator:
    """Return the channel that an address stands for.

    ``https://…`` is a webhook; ``smtp://user:password@host:587/?from=ada@example.org&to=…`` (or
    ``smtps``) an e-mail; ``console:`` the terminal; every other one is Apprise's.

    Args:
        url: The address; blanks and the like in its parts are written as ``%20``.

    Raises:
        ImportError: It is one of Apprise's, which is not installed.
        TypeError: *url* is no str or `Secret`.
        ValueError: It is no address, or an incomplete one.
    """
    secret = Secret.of(url)
    scheme, colon, _ = secret.reveal().partition(":")
    if scheme in ("http", "https"):
        return WebhookNotificator(secret)
    if scheme in _SMTP_PORTS:
        return _mail(secret, scheme)
    if scheme == "console":
        return ConsoleNotificator()
    if not colon:
        raise ValueError("the address has no scheme: it must begin with https:// or the like")
    return AppriseNotificator(secret)


def _mail(secret: Secret, scheme: str) -> EmailNotificator:
    try:
        parts = urlsplit(secret.reveal())
        host, port = parts.hostname or "", parts.port
    except ValueError:  # its text quotes the address
        raise ValueError("the host or the port of the address cannot be read") from None
    query = parse_qs(parts.query)
    sender, recipients = query.get("from", []), query.get("to", [])
    if not sender or not recipients:
        raise ValueError("the address must end in ?from=…&to=…")
    return EmailNotificator(
        host,
        sender[0],
        recipients,
        port=port or _SMTP_PORTS[scheme],
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        security="tls" if scheme == "smtps" else "starttls",
    )
