# SPDX-License-Identifier: MIT
"""Care for the secrets of senders that take none."""

from __future__ import annotations

import logging
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from callbacks_core.secrets import hide, redact_record

from .notificator import Notificator, Sender

_TELL_TALE: Final = ("password", "token", "secret", "credential", "api_key")
_TALKATIVE: Final = ("urllib3.connectionpool", "httpx", "httpcore")


def protect(sender: Sender) -> None:
    """Let the secrets that *sender* keeps in its attributes appear in no message and no log.

    These are the paths of addresses, and what is called a password or a token; they are sought
    in the sender itself and in what it holds, such as a connection. Libraries that log the
    addresses they ask for are made to leave them out.
    """
    if isinstance(sender, Notificator):
        return
    _hide_attributes(sender, deeper=True)
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(redact_record)


def _hide_attributes(owner: object, *, deeper: bool) -> None:
    for name, value in getattr(owner, "__dict__", {}).items():
        if isinstance(value, str):
            _hide(name, value)
        elif deeper and not callable(value):
            _hide_attributes(value, deeper=False)


def _hide(name: str, value: str) -> None:
    if any(word in name.lower() for word in _TELL_TALE):
        hide(value)
    if "://" not in value:
        return
    hide(value)
    try:
        parts = urlsplit(value)
    except ValueError:
        return
    hide(urlunsplit(("", "", parts.path, parts.query, "")))
