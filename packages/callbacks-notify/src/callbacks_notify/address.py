# SPDX-License-Identifier: MIT
"""The address of a webhook, which is as good as a password."""

from __future__ import annotations

import base64
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from callbacks_core import Secret
from callbacks_core.secrets import hide


class WebAddress:
    """An address that shows its host only.

    Args:
        url: It, with ``http`` or ``https``.

    Raises:
        TypeError: *url* is no str or `Secret`.
        ValueError: It has no scheme or host, or letters that no address has.

    Attributes:
        host: The host, which may be shown.
    """

    def __init__(self, url: str | Secret) -> None:
        if not isinstance(url, str | Secret):
            raise TypeError(f"`url` must be a str or a Secret, not {type(url).__name__}")
        self._url = Secret.of(url)
        parts = _checked(self._url.reveal())
        self.host = str(parts.hostname)
        hide(urlunsplit(("", "", parts.path, parts.query, "")))
        hide(unquote(parts.password or ""))
        for value in self.headers().values():
            hide(value.removeprefix("Basic "))

    def headers(self) -> dict[str, str]:
        """Return what to send for the user and password that the address has, if it has any."""
        parts = urlsplit(self._url.reveal())
        if parts.username is None:
            return {}
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()}

    def reveal(self) -> str:
        """Return the address itself, without user and password."""
        parts = urlsplit(self._url.reveal())
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))


def _checked(url: str) -> SplitResult:
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("`url` must be one line of ASCII letters without blanks")
    try:
        parts = urlsplit(url)
        scheme, host, _ = parts.scheme, parts.hostname, parts.port
    except ValueError:  # its text quotes the address
        raise ValueError("`url` is no address: its host or port cannot be read") from None
    if scheme not in ("http", "https"):
        found = f"not {scheme!r}" if scheme and "://" in url else "and it has no scheme"
        raise ValueError(f"`url` must begin with https:// or http://, {found}")
    if not host:
        raise ValueError(f"`url` has no host after {scheme}://")
    return parts
